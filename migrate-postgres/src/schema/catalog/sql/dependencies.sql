-- What depends on what, by ids: those of PostgreSQL's own objects, below 16384, are left out, except schemas.
-- An object that is `part` of another one is made and dropped with it, and is not in the catalog by itself: a view's rule, a
-- table's row type, a constraint's index, a default. So are the members of an extension.
SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid,
  d.deptype <> 'n' AS automatic,
  d.classid = 'pg_attrdef'::regclass AS expression,
  d.deptype IN ('i', 'e')
    OR d.deptype = 'a' AND d.classid = 'pg_attrdef'::regclass
    OR d.deptype = 'a' AND d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_type'::regclass
    OR d.deptype = 'a' AND d.refclassid = 'pg_publication'::regclass AS part,
  quote_ident(current_user) AS reader
FROM pg_depend d
WHERE d.objid >= 16384 AND (d.refobjid >= 16384 OR d.refclassid = 'pg_namespace'::regclass)
