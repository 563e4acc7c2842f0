-- pg_get_functiondef always writes the schema: the known text up to the name is replaced.
SELECT 'pg_proc'::regclass::oid, p.oid, 0, k.kind, n.identity || '(' || oidvectortypes(p.proargtypes) || ')', NULL,
  ARRAY[
    ARRAY['definition', 'CREATE OR REPLACE ' || upper(k.kind) || ' ' || n.identity || rtrim(substr(pg_get_functiondef(p.oid), length(
      'CREATE OR REPLACE ' || upper(k.kind) || ' ' || quote_ident(ns.nspname) || '.' || quote_ident(p.proname)) + 1), E'\n')],
    ARRAY['arguments', pg_get_function_identity_arguments(p.oid)],
    ARRAY['result', pg_get_function_result(p.oid)],
    ARRAY['defaults', p.pronargdefaults::text],
    ARRAY['form', p.prokind::text],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(p.proowner)) END]]
FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace
CROSS JOIN LATERAL (SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind) k
CROSS JOIN LATERAL (SELECT ns.prefix || quote_ident(p.proname) AS identity) n
WHERE p.prokind <> 'a'
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
  -- Those of a range type come with it.
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
