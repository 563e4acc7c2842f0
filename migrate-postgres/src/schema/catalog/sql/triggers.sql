-- A partition has its parent's triggers: those of its own count, and those that are switched otherwise.
SELECT 'pg_trigger'::regclass::oid, t.oid, 0, 'trigger', r.identity || '.' || quote_ident(t.tgname), r.identity,
  ARRAY[ARRAY['definition', pg_get_triggerdef(t.oid, true)],
    ARRAY['enabled', CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END]]
FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid
WHERE NOT t.tgisinternal
  AND NOT EXISTS (SELECT FROM pg_trigger p WHERE p.oid = t.tgparentid AND p.tgenabled = t.tgenabled)
