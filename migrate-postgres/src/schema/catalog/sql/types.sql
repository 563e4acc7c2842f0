-- Not: the types that come with others (arrays, multiranges, rows of tables).
SELECT 'pg_type'::regclass::oid, t.oid, 0, CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
  ns.prefix || quote_ident(t.typname), NULL,
  concat_ws(E'\n',
    CASE t.typtype
      WHEN 'e' THEN (SELECT concat_ws(E'\n', 'ENUM', string_agg(quote_literal(e.enumlabel), E'\n' ORDER BY e.enumsortorder))
        FROM pg_enum e WHERE e.enumtypid = t.oid)
      WHEN 'c' THEN (SELECT concat_ws(E'\n', 'COMPOSITE', string_agg(quote_ident(a.attname) || ' '
          || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> at.typcollation
          THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, E'\n' ORDER BY a.attnum))
        FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
      WHEN 'd' THEN concat_ws(E'\n',
        'DOMAIN AS ' || format_type(t.typbasetype, t.typtypmod),
        (SELECT 'COLLATE ' || t.typcollation::regcollation FROM pg_type b
         WHERE b.oid = t.typbasetype AND t.typcollation <> b.typcollation),
        CASE WHEN t.typnotnull THEN 'NOT NULL' END,
        'DEFAULT ' || t.typdefault,
        (SELECT string_agg('CONSTRAINT ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid), E'\n' ORDER BY c.conname)
         FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'))
      WHEN 'r' THEN (SELECT concat_ws(E'\n', 'RANGE', 'SUBTYPE ' || format_type(g.rngsubtype, NULL),
          (SELECT 'SUBTYPE_OPCLASS ' || quote_ident(o.opcname) FROM pg_opclass o WHERE o.oid = g.rngsubopc AND NOT o.opcdefault),
          CASE WHEN g.rngcollation <> 0 THEN 'COLLATION ' || g.rngcollation::regcollation END,
          CASE WHEN g.rngcanonical <> 0 THEN 'CANONICAL ' || g.rngcanonical END,
          CASE WHEN g.rngsubdiff <> 0 THEN 'SUBTYPE_DIFF ' || g.rngsubdiff END,
          'MULTIRANGE_TYPE_NAME ' || format_type(g.rngmultitypid, NULL))
        FROM pg_range g WHERE g.rngtypid = t.oid)
      WHEN 'b' THEN concat_ws(E'\n', 'BASE', 'INPUT ' || t.typinput, 'OUTPUT ' || t.typoutput,
        'INTERNALLENGTH ' || t.typlen, 'ALIGNMENT ' || t.typalign::text, 'STORAGE ' || t.typstorage::text, 'CATEGORY ' || t.typcategory::text)
      ELSE 'SHELL' END,
    CASE WHEN $2 THEN 'OWNER ' || quote_ident(pg_get_userbyid(t.typowner)) END)
FROM pg_type t JOIN ns ON ns.oid = t.typnamespace
WHERE t.typtype IN ('b', 'c', 'd', 'e', 'p', 'r')
  AND (t.typtype <> 'c' OR EXISTS (SELECT FROM rel r WHERE r.oid = t.typrelid AND r.relkind = 'c'))
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)
