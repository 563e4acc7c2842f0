-- As JSON, since which columns there are depends on the server's version. So do publications of schemas, which are found by
-- what pg_publication_namespace, there from 15 on, depends on. What is told is what was said, not what comes of it: neither
-- the partitions of a table nor the tables of a schema, nor all columns where there is no list of them.
SELECT 'pg_publication'::regclass::oid, p.oid, 0, 'publication', quote_ident(p.pubname), NULL,
  (SELECT array_agg(ARRAY['properties', substr(key, 4) || ' ' || value] ORDER BY key)
     FROM jsonb_each_text(to_jsonb(p) - 'oid' - 'pubname' - 'pubowner'))
  || (SELECT array_agg(ARRAY['schemas', quote_ident(n.nspname)] ORDER BY n.nspname)
     FROM pg_depend s JOIN pg_depend d ON d.classid = s.classid AND d.objid = s.objid JOIN pg_namespace n ON n.oid = s.refobjid
     WHERE s.classid = to_regclass('pg_catalog.pg_publication_namespace') AND s.refclassid = 'pg_namespace'::regclass
       AND d.refclassid = 'pg_publication'::regclass AND d.refobjid = p.oid)
  || (SELECT array_agg(ARRAY['tables', r.identity
        || coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
           WHERE a.attrelid = r.oid AND to_jsonb(m) -> 'prattrs' @> to_jsonb(a.attnum)) || ')', '')
        || coalesce(' WHERE ' || (SELECT to_jsonb(t) ->> 'rowfilter' FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
           WHERE t.pubname = p.pubname AND t.tablename = r.relname AND n.oid = r.relnamespace), '')] ORDER BY r.identity)
     FROM pg_publication_rel m JOIN rel r ON r.oid = m.prrelid WHERE m.prpubid = p.oid)
FROM pg_publication p
WHERE $1 IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_publication'::regclass AND m.objid = p.oid)
