SELECT 'pg_policy'::regclass::oid, p.oid, 0, 'policy', r.identity || '.' || quote_ident(p.polname), r.identity,
  ARRAY[
    ARRAY['restrictive', CASE WHEN NOT p.polpermissive THEN 't' END],
    ARRAY['command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
      ELSE 'ALL' END],
    ARRAY['using', pg_get_expr(p.polqual, p.polrelid)],
    ARRAY['check', pg_get_expr(p.polwithcheck, p.polrelid)]]
  || (SELECT array_agg(ARRAY['roles', name] ORDER BY name) FROM (
    SELECT CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END AS name FROM unnest(p.polroles) role) names)
FROM rel r JOIN pg_policy p ON p.polrelid = r.oid
