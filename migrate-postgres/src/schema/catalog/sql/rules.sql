SELECT 'pg_rewrite'::regclass::oid, w.oid, 0, 'rule', r.identity || '.' || quote_ident(w.rulename), r.identity,
  ARRAY[ARRAY['definition', pg_get_ruledef(w.oid, true)],
    ARRAY['enabled', CASE w.ev_enabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END]]
FROM rel r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
