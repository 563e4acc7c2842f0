-- Not: NOT NULL (told by the column), constraint triggers (told as triggers), and those that a partition has because its
-- parent has them.
SELECT 'pg_constraint'::regclass::oid, c.oid, 0, 'constraint', r.identity || '.' || quote_ident(c.conname), r.identity,
  concat_ws(E'\n',
    pg_get_constraintdef(c.oid),
    CASE WHEN c.connoinherit AND c.contype = 'c' AND pg_get_constraintdef(c.oid) !~ ' NO INHERIT' THEN 'NO INHERIT' END,
    CASE WHEN NOT c.convalidated AND pg_get_constraintdef(c.oid) !~ ' NOT (VALID|ENFORCED)' THEN 'NOT VALID' END,
    (SELECT 'WITH (' || array_to_string(ic.reloptions, ', ') || ')' FROM pg_class ic WHERE ic.oid = c.conindid
     AND c.contype IN ('p', 'u', 'x') AND ic.reloptions IS NOT NULL),
    (SELECT 'TABLESPACE ' || quote_ident(s.spcname) FROM pg_class ic JOIN pg_tablespace s ON s.oid = ic.reltablespace
     WHERE ic.oid = c.conindid AND c.contype IN ('p', 'u', 'x')),
    (SELECT 'INVALID' FROM pg_index i WHERE i.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x') AND NOT i.indisvalid),
    (SELECT 'TRIGGERS ' || CASE min(t.tgenabled) WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED REPLICA' ELSE 'ENABLED ALWAYS' END
     FROM pg_trigger t WHERE t.tgconstraint = c.oid AND t.tgenabled <> 'O' HAVING count(*) > 0),
    CASE WHEN NOT c.conislocal THEN 'INHERITED' END)
FROM rel r JOIN pg_constraint c ON c.conrelid = r.oid
WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0
UNION ALL
-- Those of domains are told by their domain; here for the comments on them, hence without a definition.
SELECT 'pg_constraint'::regclass::oid, c.oid, 0, 'constraint', ns.prefix || quote_ident(t.typname) || '.' || quote_ident(c.conname),
  ns.prefix || quote_ident(t.typname), NULL
FROM pg_constraint c JOIN pg_type t ON t.oid = c.contypid JOIN ns ON ns.oid = t.typnamespace
