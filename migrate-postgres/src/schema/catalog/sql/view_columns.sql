-- Columns of views are told by their view; here for the comments and privileges on them, hence without a definition.
SELECT 'pg_class'::regclass::oid, r.oid, a.attnum::int4, 'column', r.identity || '.' || quote_ident(a.attname), r.identity, NULL
FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE r.relkind IN ('v', 'm', 'c')
