-- pg_get_statisticsobjdef always writes the schema: the known text up to the name is replaced.
SELECT 'pg_statistic_ext'::regclass::oid, s.oid, 0, 'statistics', ns.prefix || quote_ident(s.stxname), r.identity,
  ARRAY[
    ARRAY['definition', 'CREATE STATISTICS ' || ns.prefix || quote_ident(s.stxname) || substr(pg_get_statisticsobjdef(s.oid),
      length('CREATE STATISTICS ' || quote_ident(ns.nspname) || '.' || quote_ident(s.stxname)) + 1)],
    ARRAY['target', CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::text END]]
FROM pg_statistic_ext s JOIN ns ON ns.oid = s.stxnamespace JOIN rel r ON r.oid = s.stxrelid
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_statistic_ext'::regclass AND m.objid = s.oid)
