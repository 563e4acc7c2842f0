SELECT 'pg_foreign_data_wrapper'::regclass::oid, w.oid, 0, 'foreign data wrapper', quote_ident(w.fdwname), NULL,
  ARRAY[ARRAY['handler', CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regproc::text END],
    ARRAY['validator', CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::regproc::text END],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(w.fdwowner)) END]]
  || (SELECT array_agg(ARRAY['options', option] ORDER BY option) FROM unnest(w.fdwoptions) option
    WHERE option !~* '^[^=]*(password|secret|token|key)[^=]*=')
FROM pg_foreign_data_wrapper w
WHERE $1 IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid)
UNION ALL
SELECT 'pg_foreign_server'::regclass::oid, s.oid, 0, 'foreign server', quote_ident(s.srvname), NULL,
  ARRAY[ARRAY['server_type', quote_literal(s.srvtype)], ARRAY['version', quote_literal(s.srvversion)],
    ARRAY['wrapper', (SELECT quote_ident(w.fdwname) FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw)],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(s.srvowner)) END]]
  || (SELECT array_agg(ARRAY['options', option] ORDER BY option) FROM unnest(s.srvoptions) option
    WHERE option !~* '^[^=]*(password|secret|token|key)[^=]*=')
FROM pg_foreign_server s
WHERE $1 IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_foreign_server'::regclass AND m.objid = s.oid)
