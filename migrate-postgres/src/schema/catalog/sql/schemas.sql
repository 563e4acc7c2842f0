-- A schema that holds nothing but a history was made for it; `public`, or the one that is asked for, is there in any case.
SELECT 'pg_namespace'::regclass::oid, ns.oid, 0, 'schema',
  CASE WHEN $1 IS NULL THEN quote_ident(ns.nspname) ELSE '' END, NULL::text,
  ARRAY[ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(ns.nspowner)) END]]
FROM ns
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_namespace'::regclass AND m.objid = ns.oid)
  AND (ns.nspname = 'public' OR $1 IS NOT NULL OR NOT (
    EXISTS (SELECT FROM history h WHERE h.relnamespace = ns.oid)
    AND NOT EXISTS (SELECT FROM rel r WHERE r.relnamespace = ns.oid)
    AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = ns.oid)
    AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = ns.oid AND t.typrelid = 0 AND t.typcategory <> 'A')
  ))
