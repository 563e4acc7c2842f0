-- A null ACL is the default one. Where an object has the default one, there is nothing to tell of.
SELECT 'privileges', rtrim(o.kind || ' ' || o.identity), coalesce(o.on_table, o.identity), ARRAY[ARRAY['owner', quote_ident(pg_get_userbyid(p.owner))]] || now_granted.grants, 0, 0, 0
FROM object o
JOIN (
  SELECT 'pg_class'::regclass::oid AS classid, r.oid AS objid, 0 AS objsubid, r.relacl AS acl, r.relowner AS owner,
    acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", r.relowner) AS default_acl FROM rel r
  UNION ALL SELECT 'pg_class'::regclass, r.oid, a.attnum, a.attacl, r.relowner, acldefault('c', r.relowner)
    FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, p.proowner, acldefault('f', p.proowner) FROM pg_proc p
  UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, t.typowner, acldefault('T', t.typowner) FROM pg_type t
  UNION ALL SELECT 'pg_namespace'::regclass, ns.oid, 0, ns.nspacl, ns.nspowner, acldefault('n', ns.nspowner) FROM ns
  UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, 0, s.srvacl, s.srvowner, acldefault('S', s.srvowner) FROM pg_foreign_server s
  UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, w.fdwacl, w.fdwowner, acldefault('F', w.fdwowner)
    FROM pg_foreign_data_wrapper w
) p ON p.classid = o.classid AND p.objid = o.objid AND p.objsubid = o.objsubid
CROSS JOIN LATERAL (
  SELECT array_agg(ARRAY['grants', line] ORDER BY line) AS grants FROM (
    SELECT grantee || ': ' || string_agg(privilege, ', ' ORDER BY privilege) AS line FROM (
      SELECT CASE WHEN e.grantee = 0 THEN 'PUBLIC' WHEN e.grantee = p.owner THEN '(owner)' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS grantee,
        e.privilege_type || CASE WHEN bool_or(e.is_grantable) AND e.grantee <> p.owner THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
      FROM aclexplode(p.acl) e GROUP BY e.grantee, e.privilege_type) privileges GROUP BY grantee) granted
) now_granted
CROSS JOIN LATERAL (
  SELECT NOT EXISTS (
    (SELECT grantee, privilege_type FROM aclexplode(p.acl) EXCEPT SELECT grantee, privilege_type FROM aclexplode(p.default_acl))
    UNION ALL
    (SELECT grantee, privilege_type FROM aclexplode(p.default_acl) EXCEPT SELECT grantee, privilege_type FROM aclexplode(p.acl))
  ) AS is_default
) compared
WHERE p.acl IS NOT NULL AND NOT compared.is_default
UNION ALL
-- A member of an extension has the privileges that the extension gave it, unless others were granted since: neither a dump
-- nor CREATE EXTENSION brings those back.
SELECT 'privileges', p.kind || ' ' || p.identity, NULL,
  ARRAY[ARRAY['owner', quote_ident(pg_get_userbyid(p.owner))]] || granted.now || granted.initial, 0, 0, 0
FROM (
  SELECT 'pg_proc'::regclass::oid AS classid, f.oid AS objid,
    CASE f.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
    ns.prefix || quote_ident(f.proname) || '(' || oidvectortypes(f.proargtypes) || ')' AS identity,
    f.proacl AS acl, f.proowner AS owner, acldefault('f', f.proowner) AS default_acl
  FROM pg_proc f JOIN ns ON ns.oid = f.pronamespace
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
      WHEN 'S' THEN 'sequence' ELSE 'table' END,
    ns.prefix || quote_ident(c.relname), c.relacl, c.relowner,
    acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
  FROM pg_class c JOIN ns ON ns.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
) p JOIN member m ON m.classid = p.classid AND m.objid = p.objid
LEFT JOIN pg_init_privs i ON i.classoid = p.classid AND i.objoid = p.objid AND i.objsubid = 0
CROSS JOIN LATERAL (
  SELECT array_agg(ARRAY['grants', line] ORDER BY line) FILTER (WHERE side = 'now') AS now,
    array_agg(ARRAY['initial', line] ORDER BY line) FILTER (WHERE side = 'initial') AS initial
  FROM (
    SELECT side, grantee || ': ' || string_agg(privilege, ', ' ORDER BY privilege) AS line FROM (
      SELECT side, CASE WHEN e.grantee = 0 THEN 'PUBLIC' WHEN e.grantee = p.owner THEN '(owner)' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS grantee,
        e.privilege_type || CASE WHEN bool_or(e.is_grantable) AND e.grantee <> p.owner THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
      FROM (VALUES ('now', coalesce(p.acl, p.default_acl)), ('initial', coalesce(i.initprivs, p.default_acl))) sides (side, acl)
      CROSS JOIN LATERAL aclexplode(sides.acl) e GROUP BY side, e.grantee, e.privilege_type) privileges GROUP BY side, grantee) lines
) granted
WHERE (p.acl IS NOT NULL OR i.initprivs IS NOT NULL)
  AND array_to_string(granted.now, ';', '') IS DISTINCT FROM replace(array_to_string(granted.initial, ';', ''), 'initial;', 'grants;')
UNION ALL
SELECT 'default privileges',
  'for ' || quote_ident(pg_get_userbyid(d.defaclrole))
    || CASE WHEN d.defaclnamespace <> 0 AND $1 IS NULL THEN ' in ' || quote_ident(ns.nspname) ELSE '' END || ' on '
    || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
      WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
  NULL,
  ARRAY[ARRAY['role', quote_ident(pg_get_userbyid(d.defaclrole))],
    ARRAY['schema', CASE WHEN d.defaclnamespace <> 0 THEN quote_ident(ns.nspname) END],
    ARRAY['objects', CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
      WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END]]
  || (SELECT array_agg(ARRAY['grants', line] ORDER BY line) FROM (
    SELECT CASE WHEN e.grantee = 0 THEN 'PUBLIC' WHEN e.grantee = d.defaclrole THEN '(owner)'
        ELSE quote_ident(pg_get_userbyid(e.grantee)) END
      || ': ' || string_agg(e.privilege_type || CASE WHEN e.is_grantable AND e.grantee <> d.defaclrole THEN ' WITH GRANT OPTION'
        ELSE '' END, ', ' ORDER BY e.privilege_type) AS line
    FROM aclexplode(d.defaclacl) e GROUP BY e.grantee) granted), 0, 0, 0
FROM pg_default_acl d LEFT JOIN ns ON ns.oid = d.defaclnamespace
WHERE (d.defaclnamespace = 0 AND $1 IS NULL) OR ns.oid IS NOT NULL
