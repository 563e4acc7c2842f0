-- NOT NULL constraints are in pg_constraint from PostgreSQL 18 on, with names that tell nothing: a column has one or not.
-- attstattarget is -1 up to 16, and null from 17 on, where it is not set.
-- The minor releases of November 2026 keep a number of their own in attoptions, pg_attver, which is another one for each column made.
SELECT 'pg_class'::regclass::oid, r.oid, a.attnum::int4, 'column', r.identity || '.' || quote_ident(a.attname), r.identity,
  ARRAY[
    ARRAY['data_type', format_type(a.atttypid, a.atttypmod)],
    ARRAY['collation', CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END],
    ARRAY['not_null', CASE WHEN a.attnotnull THEN 'NOT NULL' || coalesce((
      SELECT CASE WHEN c.convalidated THEN '' ELSE ' NOT VALID' END
        || CASE WHEN c.connoinherit THEN ' NO INHERIT' ELSE '' END
      FROM pg_constraint c WHERE c.conrelid = r.oid AND c.contype = 'n' AND c.conkey[1] = a.attnum), '') END],
    ARRAY['generated', CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END],
    ARRAY['expression', pg_get_expr(d.adbin, d.adrelid)],
    ARRAY['identity', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END],
    ARRAY['storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage
      WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END],
    ARRAY['usual_storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE t.typstorage
      WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END],
    ARRAY['compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END],
    ARRAY['statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END],
    ARRAY['inherited', CASE WHEN NOT a.attislocal THEN 't' END]]
  || CASE WHEN a.attidentity <> '' THEN (
    SELECT ARRAY[ARRAY['sequence', quote_ident(sc.relname)], ARRAY['sequence_type', format_type(s.seqtypid, NULL)],
      ARRAY['start', s.seqstart::text], ARRAY['increment', s.seqincrement::text], ARRAY['minimum', s.seqmin::text],
      ARRAY['maximum', s.seqmax::text], ARRAY['cache', s.seqcache::text], ARRAY['cycle', CASE WHEN s.seqcycle THEN 't' END]]
    FROM pg_depend dep JOIN pg_sequence s ON s.seqrelid = dep.objid JOIN pg_class sc ON sc.oid = s.seqrelid
    WHERE dep.classid = 'pg_class'::regclass AND dep.refclassid = 'pg_class'::regclass AND dep.refobjid = r.oid
      AND dep.refobjsubid = a.attnum AND dep.deptype = 'i') END
  || CASE WHEN a.attoptions IS NOT NULL THEN
    (SELECT array_agg(ARRAY['options', o]) FROM unnest(a.attoptions) o WHERE NOT starts_with(o, 'pg_')) END
  || CASE WHEN a.attfdwoptions IS NOT NULL THEN
    (SELECT array_agg(ARRAY['foreign_options', o]) FROM unnest(a.attfdwoptions) o) END
FROM rel r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'f')
