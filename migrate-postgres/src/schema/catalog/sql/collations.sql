-- As JSON, since which columns there are depends on the server's version; collversion is the machine's.
SELECT 'pg_collation'::regclass::oid, c.oid, 0, 'collation', ns.prefix || quote_ident(c.collname), NULL,
  (SELECT array_agg(ARRAY['properties', substr(key, 5) || ' ' || value] ORDER BY key)
    FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(c) - 'oid' - 'collname' - 'collnamespace' - 'collowner' - 'collversion')))
FROM pg_collation c JOIN ns ON ns.oid = c.collnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_collation'::regclass AND m.objid = c.oid)
