-- As JSON, since which columns there are depends on the server's version.
SELECT 'pg_publication'::regclass::oid, p.oid, 0, 'publication', quote_ident(p.pubname), NULL,
  concat_ws(E'\n', 'PUBLICATION',
    (SELECT string_agg(substr(key, 4) || ' ' || value, E'\n' ORDER BY key)
     FROM jsonb_each_text(to_jsonb(p) - 'oid' - 'pubname' - 'pubowner')),
    CASE WHEN NOT p.puballtables THEN (
      SELECT string_agg('TABLE ' || quote_ident(t.schemaname) || '.' || quote_ident(t.tablename)
        || coalesce(' ' || (to_jsonb(t) ->> 'attnames'), '') || coalesce(' WHERE ' || (to_jsonb(t) ->> 'rowfilter'), ''), E'\n'
        ORDER BY t.schemaname, t.tablename)
      FROM pg_publication_tables t JOIN rel r ON r.relname = t.tablename
      JOIN ns ON ns.oid = r.relnamespace AND ns.nspname = t.schemaname
      WHERE t.pubname = p.pubname) END)
FROM pg_publication p
WHERE $1 IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_publication'::regclass AND m.objid = p.oid)
