SELECT 'pg_event_trigger'::regclass::oid, e.oid, 0, 'event trigger', quote_ident(e.evtname), NULL,
  ARRAY[ARRAY['event', e.evtevent::text], ARRAY['function', e.evtfoid::regprocedure::text],
    ARRAY['enabled', CASE e.evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END]]
  || (SELECT array_agg(ARRAY['tags', tag] ORDER BY place) FROM unnest(e.evttags) WITH ORDINALITY AS tags (tag, place))
FROM pg_event_trigger e
WHERE $1 IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
