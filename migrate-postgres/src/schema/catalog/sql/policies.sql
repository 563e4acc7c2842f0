SELECT 'pg_policy'::regclass::oid, p.oid, 0, 'policy', r.identity || '.' || quote_ident(p.polname), r.identity,
  concat_ws(E'\n',
    CASE WHEN p.polpermissive THEN 'AS PERMISSIVE' ELSE 'AS RESTRICTIVE' END,
    'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
      ELSE 'ALL' END,
    'TO ' || (SELECT string_agg(name, ', ' ORDER BY name) FROM (
      SELECT CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END AS name FROM unnest(p.polroles) role) names),
    'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
FROM rel r JOIN pg_policy p ON p.polrelid = r.oid
