-- Those of identity columns are told by their column, and have no definition here. The value is data.
SELECT 'pg_class'::regclass::oid, r.oid, 0, 'sequence', r.identity, o.identity,
  CASE WHEN d.deptype = 'i' THEN NULL ELSE ARRAY[
    ARRAY['unlogged', CASE WHEN r.relpersistence = 'u' THEN 't' END],
    ARRAY['sequence_type', format_type(s.seqtypid, NULL)],
    ARRAY['start', s.seqstart::text], ARRAY['increment', s.seqincrement::text], ARRAY['minimum', s.seqmin::text],
    ARRAY['maximum', s.seqmax::text], ARRAY['cache', s.seqcache::text], ARRAY['cycle', CASE WHEN s.seqcycle THEN 't' END],
    ARRAY['owned_by', o.identity || '.' || quote_ident(a.attname)],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(r.relowner)) END]] END
FROM rel r JOIN pg_sequence s ON s.seqrelid = r.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN rel o ON o.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
