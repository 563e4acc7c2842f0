SELECT 'pg_operator'::regclass::oid, o.oid, 0, 'operator', ns.prefix || o.oprname || '('
    || CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END || ', ' || format_type(o.oprright, NULL) || ')', NULL,
  concat_ws(E'\n', 'FUNCTION ' || o.oprcode::regprocedure, 'RETURNS ' || format_type(o.oprresult, NULL),
    CASE WHEN o.oprcom <> 0 THEN 'COMMUTATOR ' || o.oprcom::regoperator END,
    CASE WHEN o.oprnegate <> 0 THEN 'NEGATOR ' || o.oprnegate::regoperator END,
    CASE WHEN o.oprrest <> 0 THEN 'RESTRICT ' || o.oprrest END,
    CASE WHEN o.oprjoin <> 0 THEN 'JOIN ' || o.oprjoin END,
    CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END)
FROM pg_operator o JOIN ns ON ns.oid = o.oprnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_operator'::regclass AND m.objid = o.oid)
UNION ALL
SELECT 'pg_opclass'::regclass::oid, c.oid, 0, 'operator class', ns.prefix || quote_ident(c.opcname) || ' USING ' || quote_ident(am.amname), NULL,
  concat_ws(E'\n', 'FOR TYPE ' || format_type(c.opcintype, NULL), CASE WHEN c.opcdefault THEN 'DEFAULT' END,
    CASE WHEN c.opckeytype <> 0 THEN 'STORAGE ' || format_type(c.opckeytype, NULL) END,
    (SELECT string_agg('OPERATOR ' || o.amopstrategy || ' ' || o.amopopr::regoperator, E'\n'
       ORDER BY o.amopstrategy, o.amopopr::regoperator::text) FROM pg_amop o WHERE o.amopfamily = c.opcfamily),
    (SELECT string_agg('FUNCTION ' || p.amprocnum || ' ' || p.amproc::regprocedure, E'\n'
       ORDER BY p.amprocnum, p.amproc::regprocedure::text) FROM pg_amproc p WHERE p.amprocfamily = c.opcfamily))
FROM pg_opclass c JOIN ns ON ns.oid = c.opcnamespace JOIN pg_am am ON am.oid = c.opcmethod
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_opclass'::regclass AND m.objid = c.oid)
