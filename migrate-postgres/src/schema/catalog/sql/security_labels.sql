SELECT 'security label', l.provider || ' on ' || w.identity, coalesce(o.on_table, o.identity),
  ARRAY[ARRAY['provider', l.provider], ARRAY['label', l.label]], 0, 0, 0
FROM object o JOIN pg_seclabel l ON l.classoid = o.classid AND l.objoid = o.objid AND l.objsubid = o.objsubid
CROSS JOIN LATERAL (SELECT rtrim(o.kind || ' ' || o.identity) AS identity) w
