SELECT 'pg_ts_config'::regclass::oid, c.oid, 0, 'text search configuration', ns.prefix || quote_ident(c.cfgname), NULL,
  ARRAY[ARRAY['parser', (SELECT quote_ident(p.prsname) FROM pg_ts_parser p WHERE p.oid = c.cfgparser)]]
  || (SELECT array_agg(ARRAY['mappings', (SELECT t.alias FROM ts_token_type(c.cfgparser) t WHERE t.tokid = m.maptokentype)
       || ' ' || m.mapdict::regdictionary] ORDER BY m.maptokentype, m.mapseqno)
     FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)
FROM pg_ts_config c JOIN ns ON ns.oid = c.cfgnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_ts_config'::regclass AND m.objid = c.oid)
UNION ALL
SELECT 'pg_ts_dict'::regclass::oid, d.oid, 0, 'text search dictionary', ns.prefix || quote_ident(d.dictname), NULL,
  ARRAY[ARRAY['template', (SELECT quote_ident(t.tmplname) FROM pg_ts_template t WHERE t.oid = d.dicttemplate)],
    ARRAY['options', d.dictinitoption]]
FROM pg_ts_dict d JOIN ns ON ns.oid = d.dictnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_ts_dict'::regclass AND m.objid = d.oid)
