-- What empties a database, in order: event triggers first, since they would see the rest.
SELECT place, 'DROP ' || sql FROM (
  SELECT 1 AS place, 'EVENT TRIGGER IF EXISTS ' || quote_ident(evtname) AS sql FROM pg_event_trigger e
  WHERE NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid AND m.deptype = 'e')
  UNION ALL SELECT 2, 'PUBLICATION IF EXISTS ' || quote_ident(pubname) FROM pg_publication
  UNION ALL SELECT 3, 'EXTENSION IF EXISTS ' || quote_ident(extname) || ' CASCADE' FROM pg_extension WHERE extname <> 'plpgsql'
  UNION ALL SELECT 4, 'FOREIGN DATA WRAPPER IF EXISTS ' || quote_ident(fdwname) || ' CASCADE' FROM pg_foreign_data_wrapper w
  WHERE NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid AND m.deptype = 'e')
  UNION ALL SELECT 5, 'SCHEMA IF EXISTS ' || quote_ident(nspname) || ' CASCADE' FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  -- The schema `public` stays: it may be somebody else's.
  UNION ALL SELECT 6, CASE i.type WHEN 'composite type' THEN 'TYPE' WHEN 'statistics object' THEN 'STATISTICS' ELSE upper(i.type) END
    || ' IF EXISTS ' || i.identity || ' CASCADE'
  FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid AND n.nspname = 'public'
  CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n'
    AND d.classid NOT IN ('pg_extension'::regclass, 'pg_default_acl'::regclass)
    AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = d.classid AND o.objid = d.objid
      AND o.objsubid = d.objsubid AND o.deptype IN ('e', 'i'))
) AS drops (place, sql)
ORDER BY 1, 2
