-- What a replay of migrations can't have, and what is only known to be there. Of user mappings the names of options alone:
-- the values are passwords. Settings of roles in all databases belong to the server.
SELECT 'pg_user_mapping'::regclass::oid, u.umid, 0, 'user mapping',
  CASE WHEN u.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(u.usename) END || ' on ' || quote_ident(u.srvname), quote_ident(u.srvname),
  ARRAY[ARRAY['lines', 'USER MAPPING']] || (SELECT array_agg(ARRAY['lines', 'OPTION ' || split_part(o, '=', 1)] ORDER BY o) FROM unnest(u.umoptions) o)
FROM pg_user_mappings u WHERE $1 IS NULL
UNION ALL
SELECT 'pg_subscription'::regclass::oid, s.oid, 0, 'subscription', quote_ident(s.subname), NULL,
  ARRAY[ARRAY['lines', 'PUBLICATIONS ' || array_to_string(s.subpublications, ', ')], ARRAY['lines', CASE WHEN NOT s.subenabled THEN 'DISABLED' END]]
FROM pg_subscription s JOIN pg_database b ON b.oid = s.subdbid WHERE $1 IS NULL AND b.datname = current_database()
UNION ALL
SELECT 'pg_db_role_setting'::regclass::oid, s.setrole, 0, 'settings',
  CASE WHEN s.setrole = 0 THEN 'of the database' ELSE 'of role ' || quote_ident(pg_get_userbyid(s.setrole)) END, NULL,
  (SELECT array_agg(ARRAY['lines', CASE WHEN o ~* '^[^=]*(password|secret|token|key)[^=]*=' THEN split_part(o, '=', 1) ELSE o END] ORDER BY o)
   FROM unnest(s.setconfig) o)
FROM pg_db_role_setting s JOIN pg_database b ON b.oid = s.setdatabase WHERE $1 IS NULL AND b.datname = current_database()
UNION ALL
SELECT u.classid, u.objid, 0, 'unmodelled object', u.identity, NULL, ARRAY[ARRAY['lines', 'UNMODELLED']]
FROM (
  SELECT 'pg_conversion'::regclass::oid AS classid, c.oid AS objid, 'conversion ' || ns.prefix || quote_ident(c.conname) AS identity
  FROM pg_conversion c JOIN ns ON ns.oid = c.connamespace
  UNION ALL SELECT 'pg_ts_parser'::regclass, p.oid, 'text search parser ' || ns.prefix || quote_ident(p.prsname)
  FROM pg_ts_parser p JOIN ns ON ns.oid = p.prsnamespace
  UNION ALL SELECT 'pg_ts_template'::regclass, t.oid, 'text search template ' || ns.prefix || quote_ident(t.tmplname)
  FROM pg_ts_template t JOIN ns ON ns.oid = t.tmplnamespace
  UNION ALL SELECT 'pg_opfamily'::regclass, f.oid, 'operator family ' || ns.prefix || quote_ident(f.opfname)
    || ' USING ' || (SELECT quote_ident(am.amname) FROM pg_am am WHERE am.oid = f.opfmethod)
  FROM pg_opfamily f JOIN ns ON ns.oid = f.opfnamespace WHERE NOT EXISTS (SELECT FROM pg_opclass c WHERE c.opcfamily = f.oid)
  UNION ALL SELECT 'pg_language'::regclass, l.oid, 'language ' || quote_ident(l.lanname) FROM pg_language l WHERE l.oid >= 16384 AND $1 IS NULL
  UNION ALL SELECT 'pg_am'::regclass, a.oid, 'access method ' || quote_ident(a.amname) FROM pg_am a WHERE a.oid >= 16384 AND $1 IS NULL
  UNION ALL SELECT 'pg_transform'::regclass, t.oid, 'transform for ' || format_type(t.trftype, NULL) || ' language '
    || (SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = t.trflang) FROM pg_transform t WHERE t.oid >= 16384 AND $1 IS NULL
) u
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = u.classid AND m.objid = u.objid)
