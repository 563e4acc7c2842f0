-- Those of identity columns are told by their column, and have no definition here. The value is data.
SELECT 'pg_class'::regclass::oid, r.oid, 0, 'sequence', r.identity, o.identity,
  CASE WHEN d.deptype = 'i' THEN NULL ELSE concat_ws(E'\n',
    CASE WHEN r.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END || 'SEQUENCE AS ' || format_type(s.seqtypid, NULL),
    format('START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
      s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END),
    'OWNED BY ' || o.identity || '.' || quote_ident(a.attname),
    CASE WHEN $2 THEN 'OWNER ' || quote_ident(pg_get_userbyid(r.relowner)) END) END
FROM rel r JOIN pg_sequence s ON s.seqrelid = r.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN rel o ON o.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
