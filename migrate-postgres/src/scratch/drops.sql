-- What empties a database, in order: event triggers first, since they would see the rest. And whether it may be there
-- beforehand, and stay: extensions, which may take a superuser to make, and schemas that hold nothing else.
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
-- What stands in schemas that stay: `public`, which may be somebody else's, and those of extensions.
standing AS (
  SELECT n.oid, 'DROP ' || CASE i.type WHEN 'composite type' THEN 'TYPE' WHEN 'statistics object' THEN 'STATISTICS' ELSE upper(i.type) END
    || ' IF EXISTS ' || i.identity || ' CASCADE' AS sql
  FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
  CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n'
    AND (n.nspname = 'public' OR n.nspname !~ '^pg_' AND EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid))
    AND d.classid NOT IN ('pg_extension'::regclass, 'pg_default_acl'::regclass)
    AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = d.classid AND o.objid = d.objid
      AND o.objsubid = d.objsubid AND o.deptype IN ('e', 'i'))
)
SELECT place, sql, stays FROM (
  SELECT 1 AS place, 'DROP EVENT TRIGGER IF EXISTS ' || quote_ident(evtname) AS sql, false AS stays FROM pg_event_trigger e
  WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
  UNION ALL SELECT 2, 'DROP PUBLICATION IF EXISTS ' || quote_ident(pubname), false FROM pg_publication
  UNION ALL SELECT 3, 'DROP EXTENSION IF EXISTS ' || quote_ident(extname) || ' CASCADE', true FROM pg_extension
  WHERE extname <> 'plpgsql'
  UNION ALL SELECT 4, 'DROP FOREIGN DATA WRAPPER IF EXISTS ' || quote_ident(fdwname) || ' CASCADE', false FROM pg_foreign_data_wrapper w
  WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid)
  UNION ALL SELECT 5, 'DROP SCHEMA IF EXISTS ' || quote_ident(n.nspname) || ' CASCADE',
    EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid) AND NOT EXISTS (SELECT FROM standing s WHERE s.oid = n.oid)
  FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_namespace'::regclass AND m.objid = n.oid)
  UNION ALL SELECT 6, sql, false FROM standing
) AS drops
ORDER BY place, sql
