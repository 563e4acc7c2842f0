-- What makes a database what it was when it was created, in order: the one list, for the scratch database of a comparison and
-- for `reset`. Each with whether it may be there beforehand, in a scratch database that is given, and stay.
--
-- `class` has each catalog whose rows can stand for themselves. The others' always belong to an object of one of these:
-- pg_amop, pg_amproc, pg_attrdef, pg_constraint, pg_enum, pg_opclass, pg_policy, pg_publication_namespace, pg_publication_rel,
-- pg_rewrite, pg_trigger. A test makes an object of each catalog that the server has, and finds none afterwards.
WITH class (classid, objid) AS (
  SELECT 'pg_am'::regclass::oid, oid FROM pg_am
  UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
  UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class
  UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation
  UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion
  UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
  UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension
  UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
  UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language
  UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace
  UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
  UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
  UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc
  UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
  UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
  UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform
  UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
  UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
  UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
  UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
  UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type
  UNION ALL SELECT 'pg_user_mappings'::regclass, umid FROM pg_user_mappings
),
-- Those that nothing else takes with it. What initdb made has a number below 16384 (FirstNormalObjectId).
object AS (
  SELECT c.classid, c.objid, i.type, i.schema, i.identity
  FROM class c
  CROSS JOIN LATERAL pg_identify_object(CASE WHEN c.classid = 'pg_user_mappings'::regclass THEN 'pg_user_mapping'::regclass ELSE c.classid END, c.objid, 0) i
  WHERE c.objid >= 16384
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = c.classid AND d.objid = c.objid AND d.objsubid = 0
      AND d.deptype IN ('a', 'e', 'i', 'P', 'S'))
),
-- Schemas that stay: `public`, the server's own, and those of extensions, which may take a superuser to make.
kept AS (
  SELECT n.nspname FROM pg_namespace n
  WHERE n.nspname IN ('public', 'pg_catalog', 'information_schema')
    OR n.nspname !~ '^pg_' AND EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid)
),
here AS (
  SELECT d.oid, d.datname, pg_has_role(d.datdba, 'USAGE') AS is_owner, current_setting('server_version_num')::int AS version
  FROM pg_database d WHERE d.datname = current_database()
),
standing AS (
  SELECT o.schema, 'DROP ' || CASE WHEN o.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE' WHEN o.type = 'composite type' THEN 'TYPE'
      WHEN o.type = 'statistics object' THEN 'STATISTICS' ELSE upper(o.type) END || ' IF EXISTS ' || o.identity || ' CASCADE' AS sql
  FROM object o WHERE o.schema IN (SELECT quote_ident(nspname) FROM kept UNION SELECT nspname FROM kept)
),
granted AS (
  SELECT d.defaclrole, d.defaclnamespace, d.defaclobjtype,
    'ALTER DEFAULT PRIVILEGES FOR ROLE ' || quote_ident(pg_get_userbyid(d.defaclrole))
      || coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '') AS alter_it,
    CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
      WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS things,
    d.defaclacl
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
)
SELECT place, sql, stays FROM (
  -- Their slots stay on the publisher: `reset` refuses to go so far.
  SELECT 0 AS place, format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', s.subname) AS sql,
    false AS stays
  FROM here h JOIN pg_subscription s ON s.subdbid = h.oid
  -- Event triggers before what they would see.
  UNION ALL SELECT 1, 'DROP EVENT TRIGGER IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'event trigger'
  UNION ALL SELECT 2, 'DROP PUBLICATION IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'publication'
  -- Those that another role made can't be dropped, and can't be made again by this one.
  UNION ALL SELECT 3, 'DROP EXTENSION IF EXISTS ' || quote_ident(e.extname) || ' CASCADE', true
  FROM object o JOIN pg_extension e ON e.oid = o.objid WHERE o.type = 'extension' AND pg_has_role(e.extowner, 'USAGE')
  UNION ALL SELECT 4, 'DROP FOREIGN DATA WRAPPER IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'foreign-data wrapper'
  -- Those of a wrapper that stays, as it belongs to an extension that another role made.
  UNION ALL SELECT 5, 'DROP SERVER IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'server'
  UNION ALL SELECT 6, format('DROP USER MAPPING IF EXISTS FOR %s SERVER %I', CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END, m.srvname), false
  FROM object o JOIN pg_user_mappings m ON m.umid = o.objid WHERE o.type = 'user mapping'
  UNION ALL SELECT 7, 'DROP CAST IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'cast'
  UNION ALL SELECT 8, format('DROP TRANSFORM IF EXISTS FOR %s LANGUAGE %I CASCADE', t.trftype::regtype, l.lanname), false
  FROM object o JOIN pg_transform t ON t.oid = o.objid JOIN pg_language l ON l.oid = t.trflang WHERE o.type = 'transform'
  UNION ALL SELECT 9, 'DROP LANGUAGE IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'language'
  UNION ALL SELECT 10, 'DROP ACCESS METHOD IF EXISTS ' || identity || ' CASCADE', false FROM object WHERE type = 'access method'
  UNION ALL SELECT 11, 'DROP SCHEMA IF EXISTS ' || quote_ident(n.nspname) || ' CASCADE',
    EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid)
      AND NOT EXISTS (SELECT FROM standing s WHERE s.schema IN (n.nspname, quote_ident(n.nspname)))
  FROM object o JOIN pg_namespace n ON n.oid = o.objid
  WHERE o.type = 'schema' AND n.nspname <> 'public' AND n.nspname !~ '^pg_'
  UNION ALL SELECT 12, sql, false FROM standing
  UNION ALL SELECT 13, 'SELECT pg_catalog.lo_unlink(' || oid || ')', false FROM pg_largeobject_metadata m
  -- But for the marker of a comparison that is under way.
  WHERE NOT EXISTS (SELECT FROM pg_description d WHERE d.classoid = 'pg_largeobject'::regclass AND d.objoid = m.oid AND d.objsubid = 0
    AND d.description LIKE 'migrate scratch %')
  UNION ALL SELECT 14, g.alter_it || ' REVOKE ALL ON ' || g.things || ' FROM '
      || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, true
  FROM granted g CROSS JOIN LATERAL aclexplode(g.defaclacl) a GROUP BY 2
  -- What is granted where nothing is said.
  UNION ALL SELECT 15, g.alter_it || ' GRANT ALL ON ' || g.things || ' TO ' || quote_ident(pg_get_userbyid(g.defaclrole)), true
  FROM granted g WHERE g.defaclnamespace = 0
  UNION ALL SELECT 15, g.alter_it || ' GRANT ALL ON ' || g.things || ' TO PUBLIC', true
  FROM granted g WHERE g.defaclnamespace = 0 AND g.defaclobjtype IN ('f', 'T')
  -- But for the mark of a development database.
  UNION ALL SELECT 16, format(CASE s.setrole WHEN 0 THEN 'ALTER DATABASE %1$I RESET %3$s' ELSE 'ALTER ROLE %2$I IN DATABASE %1$I RESET %3$s' END,
      h.datname, pg_get_userbyid(s.setrole), split_part(setting, '=', 1)), true
  FROM here h JOIN pg_db_role_setting s ON s.setdatabase = h.oid CROSS JOIN LATERAL unnest(s.setconfig) setting
  WHERE h.is_owner AND setting !~ '^migrate[.]development='
  -- `public`, where it was dropped, is as initdb makes it in that version.
  UNION ALL SELECT 17, 'CREATE SCHEMA public' || CASE WHEN h.version >= 150000 AND h.is_owner THEN ' AUTHORIZATION pg_database_owner' ELSE '' END
      || CASE WHEN h.version >= 150000 THEN '; GRANT USAGE' ELSE '; GRANT USAGE, CREATE' END || ' ON SCHEMA public TO PUBLIC', true
  FROM here h WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')
  UNION ALL SELECT 18, 'COMMENT ON SCHEMA public IS ''standard public schema''', true
  WHERE EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'public' AND pg_has_role(n.nspowner, 'USAGE')
      AND obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM 'standard public schema')
    OR NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')
) AS drops
ORDER BY place, sql
