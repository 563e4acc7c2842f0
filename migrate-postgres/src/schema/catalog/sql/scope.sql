-- What the branches of the query stand on. $1: the one schema, or null for all; $2: whether owners count; $3 and
-- $4: the schemas and names of tables that are histories of other tools.
-- `prefix` is what stands before the names of a schema's objects: nothing where only one schema is read.
ns AS MATERIALIZED (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl,
    CASE WHEN $1 IS NULL THEN quote_ident(n.nspname) || '.' ELSE '' END AS prefix
  FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ($1 IS NULL OR n.nspname = $1)
),
-- What an extension made is the extension's: its name and version tell of it.
member AS MATERIALIZED (
  SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'e'
),
-- Histories: those of this library, and those of other tools.
history AS MATERIALIZED (
{own_tables}
  UNION ALL
  -- Seeds that have run.
  SELECT c.oid, c.relnamespace FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND a.attname IN ('set_name', 'name', 'environment', 'checksum', 'program', 'seeded_at')
    AND c.relname ~ '_seed$'
  GROUP BY c.oid, c.relnamespace HAVING count(*) = 6
  UNION ALL
  SELECT c.oid, c.relnamespace FROM unnest($3, $4) AS tools (schema, name)
  JOIN pg_namespace n ON n.nspname = tools.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = tools.name
),
rel AS MATERIALIZED (
  SELECT c.*, ns.prefix || quote_ident(c.relname) AS identity,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
      WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END AS kind
  FROM pg_class c JOIN ns ON ns.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c') AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM history h WHERE h.oid = c.oid)
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
)
