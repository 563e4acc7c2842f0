SELECT 'pg_operator'::regclass::oid, o.oid, 0, 'operator', ns.prefix || o.oprname || '('
    || CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END || ', ' || format_type(o.oprright, NULL) || ')', NULL,
  ARRAY[ARRAY['function', o.oprcode::regprocedure::text], ARRAY['result', format_type(o.oprresult, NULL)],
    ARRAY['left', CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) END], ARRAY['right', format_type(o.oprright, NULL)],
    ARRAY['commutator', CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END],
    ARRAY['negator', CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END],
    ARRAY['restrict', CASE WHEN o.oprrest <> 0 THEN o.oprrest::text END],
    ARRAY['join', CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::text END],
    ARRAY['hashes', CASE WHEN o.oprcanhash THEN 't' END], ARRAY['merges', CASE WHEN o.oprcanmerge THEN 't' END]]
FROM pg_operator o JOIN ns ON ns.oid = o.oprnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_operator'::regclass AND m.objid = o.oid)
UNION ALL
SELECT 'pg_opclass'::regclass::oid, c.oid, 0, 'operator class', ns.prefix || quote_ident(c.opcname) || ' USING ' || quote_ident(am.amname), NULL,
  ARRAY[ARRAY['data_type', format_type(c.opcintype, NULL)], ARRAY['is_default', CASE WHEN c.opcdefault THEN 't' END],
    ARRAY['storage', CASE WHEN c.opckeytype <> 0 THEN format_type(c.opckeytype, NULL) END],
    ARRAY['family', (SELECT n.prefix || quote_ident(f.opfname) FROM pg_opfamily f JOIN ns n ON n.oid = f.opfnamespace WHERE f.oid = c.opcfamily)]]
  || (SELECT array_agg(ARRAY['operators', o.amopstrategy || ' ' || o.amopopr::regoperator]
       ORDER BY o.amopstrategy, o.amopopr::regoperator::text) FROM pg_amop o WHERE o.amopfamily = c.opcfamily)
  || (SELECT array_agg(ARRAY['functions', p.amprocnum || ' ' || p.amproc::regprocedure]
       ORDER BY p.amprocnum, p.amproc::regprocedure::text) FROM pg_amproc p WHERE p.amprocfamily = c.opcfamily)
FROM pg_opclass c JOIN ns ON ns.oid = c.opcnamespace JOIN pg_am am ON am.oid = c.opcmethod
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_opclass'::regclass AND m.objid = c.oid)
