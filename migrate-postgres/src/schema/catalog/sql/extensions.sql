SELECT 'pg_extension'::regclass::oid, e.oid, 0, 'extension', quote_ident(e.extname), NULL,
  ARRAY[ARRAY['version', quote_literal(e.extversion)],
    ARRAY['schema', CASE WHEN n.nspname <> 'pg_catalog' THEN quote_ident(n.nspname) END]]
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE $1 IS NULL
