-- The comment on an extension comes with it.
SELECT 'comment', w.identity, coalesce(o.on_table, o.identity), ARRAY[ARRAY['text', d.description]], 0, 0, 0
FROM object o JOIN pg_description d ON d.classoid = o.classid AND d.objoid = o.objid AND d.objsubid = o.objsubid
CROSS JOIN LATERAL (SELECT rtrim(o.kind || ' ' || o.identity) AS identity) w
WHERE o.kind <> 'extension'
