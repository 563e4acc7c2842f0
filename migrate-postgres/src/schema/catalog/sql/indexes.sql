-- Those of constraints are told by their constraint, and have no definition here. The pretty form leaves out a schema that is in the search path.
SELECT 'pg_class'::regclass::oid, c.oid, 0, 'index', ns.prefix || quote_ident(c.relname), r.identity,
  CASE WHEN k.oid IS NULL THEN ARRAY[
    ARRAY['definition', pg_get_indexdef(c.oid, 0, true)],
    ARRAY['invalid', CASE WHEN NOT i.indisvalid THEN 't' END],
    ARRAY['not_ready', CASE WHEN i.indisvalid AND NOT i.indisready THEN 't' END],
    ARRAY['partition_of', CASE WHEN c.relispartition THEN
      (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = c.oid) END],
    ARRAY['tablespace', (SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace)]]
  || (SELECT array_agg(ARRAY['statistics', a.attstattarget || ' ON COLUMN ' || a.attnum] ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0) END
FROM pg_index i JOIN rel r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
JOIN ns ON ns.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
