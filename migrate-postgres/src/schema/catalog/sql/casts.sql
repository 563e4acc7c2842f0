-- A cast is in no schema. Those below 16384 are PostgreSQL's own (FirstNormalObjectId in its transam.h).
SELECT 'pg_cast'::regclass::oid, c.oid, 0, 'cast',
  format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL), NULL,
  ARRAY[
    ARRAY['method', CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT'
      ELSE 'WITHOUT FUNCTION' END],
    ARRAY['context', CASE c.castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END]]
FROM pg_cast c
WHERE $1 IS NULL AND c.oid >= 16384
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_cast'::regclass AND m.objid = c.oid)
  -- That of a range to its multirange comes with the type.
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'i')
