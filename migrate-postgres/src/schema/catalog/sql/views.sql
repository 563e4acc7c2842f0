SELECT 'pg_class'::regclass::oid, r.oid, 0, r.kind, r.identity, NULL,
  concat_ws(E'\n',
    upper(r.kind),
    (SELECT string_agg('column ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
       || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
       || CASE WHEN a.attstorage <> t.typstorage THEN ' STORAGE ' || CASE a.attstorage
            WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END ELSE '' END
       || CASE a.attcompression WHEN 'p' THEN ' COMPRESSION pglz' WHEN 'l' THEN ' COMPRESSION lz4' ELSE '' END
       || CASE WHEN a.attstattarget >= 0 THEN ' STATISTICS ' || a.attstattarget ELSE '' END
       || coalesce(' WITH (' || (SELECT string_agg(o, ', ') FROM unnest(a.attoptions) o WHERE NOT starts_with(o, 'pg_')) || ')', ''),
       E'\n' ORDER BY a.attnum)
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'WITH (' || array_to_string(r.reloptions, ', ') || ')',
    (SELECT 'TABLESPACE ' || quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = r.reltablespace),
    (SELECT 'CLUSTER ON ' || quote_ident(ic.relname) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
     WHERE i.indrelid = r.oid AND i.indisclustered),
    'AS',
    pg_get_viewdef(r.oid),
    CASE WHEN $2 THEN 'OWNER ' || quote_ident(pg_get_userbyid(r.relowner)) END)
FROM rel r WHERE r.relkind IN ('v', 'm')
