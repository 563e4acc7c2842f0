-- Not: NOT NULL (told by the column), constraint triggers (told as triggers), and those that a partition has because its
-- parent has them.
SELECT 'pg_constraint'::regclass::oid, c.oid, 0, 'constraint', r.identity || '.' || quote_ident(c.conname), r.identity,
  ARRAY[
    ARRAY['definition', pg_get_constraintdef(c.oid)],
    ARRAY['form', c.contype::text],
    ARRAY['no_inherit', CASE WHEN c.connoinherit AND c.contype = 'c' AND pg_get_constraintdef(c.oid) !~ ' NO INHERIT' THEN 't' END],
    ARRAY['not_valid', CASE WHEN NOT c.convalidated AND pg_get_constraintdef(c.oid) !~ ' NOT (VALID|ENFORCED)' THEN 't' END],
    ARRAY['tablespace', (SELECT quote_ident(s.spcname) FROM pg_class ic JOIN pg_tablespace s ON s.oid = ic.reltablespace
     WHERE ic.oid = c.conindid AND c.contype IN ('p', 'u', 'x'))],
    ARRAY['invalid', (SELECT 't' FROM pg_index i WHERE i.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x') AND NOT i.indisvalid)],
    ARRAY['triggers', (SELECT CASE min(t.tgenabled) WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED REPLICA' ELSE 'ENABLED ALWAYS' END
     FROM pg_trigger t WHERE t.tgconstraint = c.oid AND t.tgenabled <> 'O' HAVING count(*) > 0)],
    ARRAY['inherited', CASE WHEN NOT c.conislocal THEN 't' END]]
  || (SELECT array_agg(ARRAY['options', o]) FROM pg_class ic CROSS JOIN unnest(ic.reloptions) o
    WHERE ic.oid = c.conindid AND c.contype IN ('p', 'u', 'x'))
FROM rel r JOIN pg_constraint c ON c.conrelid = r.oid
WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0
UNION ALL
-- Those of domains are told by their domain; here for the comments on them, hence without a definition.
SELECT 'pg_constraint'::regclass::oid, c.oid, 0, 'constraint', ns.prefix || quote_ident(t.typname) || '.' || quote_ident(c.conname),
  ns.prefix || quote_ident(t.typname), NULL
FROM pg_constraint c JOIN pg_type t ON t.oid = c.contypid JOIN ns ON ns.oid = t.typnamespace
