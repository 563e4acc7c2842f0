SELECT 'pg_event_trigger'::regclass::oid, e.oid, 0, 'event trigger', quote_ident(e.evtname), NULL,
  concat_ws(E'\n', 'ON ' || e.evtevent,
    'WHEN TAG IN (' || array_to_string(e.evttags, ', ') || ')',
    'EXECUTE FUNCTION ' || e.evtfoid::regprocedure,
    CASE e.evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END)
FROM pg_event_trigger e
WHERE $1 IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
