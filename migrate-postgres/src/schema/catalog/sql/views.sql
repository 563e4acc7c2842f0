SELECT 'pg_class'::regclass::oid, r.oid, 0, r.kind, r.identity, NULL,
  ARRAY[
    ARRAY['tablespace', (SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = r.reltablespace)],
    ARRAY['cluster_on', (SELECT quote_ident(ic.relname) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
     WHERE i.indrelid = r.oid AND i.indisclustered)],
    ARRAY['query', pg_get_viewdef(r.oid)],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(r.relowner)) END]]
  -- Each column is a list of attributes that begins with its name.
  || (SELECT array_agg(part.pair ORDER BY a.attnum, part.place)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    CROSS JOIN LATERAL (VALUES
      (1, ARRAY['column', quote_ident(a.attname)]),
      (2, ARRAY['data_type', format_type(a.atttypid, a.atttypmod)]),
      (3, ARRAY['expression', pg_get_expr(d.adbin, d.adrelid)]),
      (4, ARRAY['storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage
            WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END]),
      (5, ARRAY['compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END]),
      (6, ARRAY['statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END]),
      (7, ARRAY['options', (SELECT string_agg(o, ', ') FROM unnest(a.attoptions) o WHERE NOT starts_with(o, 'pg_'))])) part (place, pair)
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped)
  || (SELECT array_agg(ARRAY['view_options', o]) FROM unnest(r.reloptions) o)
FROM rel r WHERE r.relkind IN ('v', 'm')
