SELECT 'pg_class'::regclass::oid, r.oid, 0, r.kind, r.identity, NULL,
  concat_ws(E'\n',
    upper(r.kind),
    (SELECT string_agg('column ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
       || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''), E'\n' ORDER BY a.attnum)
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'WITH (' || array_to_string(r.reloptions, ', ') || ')',
    (SELECT 'TABLESPACE ' || quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = r.reltablespace),
    'AS',
    pg_get_viewdef(r.oid),
    CASE WHEN $2 THEN 'OWNER ' || quote_ident(pg_get_userbyid(r.relowner)) END)
FROM rel r WHERE r.relkind IN ('v', 'm')
