-- Not: the types that come with others (arrays, multiranges, rows of tables).
SELECT 'pg_type'::regclass::oid, t.oid, 0, CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
  ns.prefix || quote_ident(t.typname), NULL,
  ARRAY[
    ARRAY['form', t.typtype::text],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(t.typowner)) END]]
  || CASE t.typtype
    WHEN 'e' THEN (SELECT array_agg(ARRAY['labels', quote_literal(e.enumlabel)] ORDER BY e.enumsortorder)
      FROM pg_enum e WHERE e.enumtypid = t.oid)
    -- Each attribute is a list that begins with its name.
    WHEN 'c' THEN (SELECT array_agg(part.pair ORDER BY a.attnum, part.place)
      FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid
      CROSS JOIN LATERAL (VALUES (1, ARRAY['attribute', quote_ident(a.attname)]),
        (2, ARRAY['data_type', format_type(a.atttypid, a.atttypmod)]),
        (3, ARRAY['collation', CASE WHEN a.attcollation <> at.typcollation THEN a.attcollation::regcollation::text END])
      ) part (place, pair)
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
    WHEN 'd' THEN ARRAY[
        ARRAY['data_type', format_type(t.typbasetype, t.typtypmod)],
        ARRAY['collation', (SELECT t.typcollation::regcollation::text FROM pg_type b
          WHERE b.oid = t.typbasetype AND t.typcollation <> b.typcollation)],
        ARRAY['not_null', CASE WHEN t.typnotnull THEN 't' END],
        ARRAY['expression', t.typdefault]]
      || (SELECT array_agg(part.pair ORDER BY c.conname, part.place) FROM pg_constraint c
        CROSS JOIN LATERAL (VALUES (1, ARRAY['constraint', quote_ident(c.conname)]), (2, ARRAY['definition', pg_get_constraintdef(c.oid)])
        ) part (place, pair)
        WHERE c.contypid = t.oid AND c.contype = 'c')
    WHEN 'r' THEN (SELECT ARRAY[
        ARRAY['subtype', format_type(g.rngsubtype, NULL)],
        ARRAY['operator_class', (SELECT quote_ident(o.opcname) FROM pg_opclass o WHERE o.oid = g.rngsubopc AND NOT o.opcdefault)],
        ARRAY['collation', CASE WHEN g.rngcollation <> 0 THEN g.rngcollation::regcollation::text END],
        ARRAY['canonical', CASE WHEN g.rngcanonical <> 0 THEN g.rngcanonical::text END],
        ARRAY['difference', CASE WHEN g.rngsubdiff <> 0 THEN g.rngsubdiff::text END],
        ARRAY['multirange', format_type(g.rngmultitypid, NULL)]]
      FROM pg_range g WHERE g.rngtypid = t.oid)
    WHEN 'b' THEN ARRAY[
      ARRAY['input', t.typinput::text], ARRAY['output', t.typoutput::text],
      ARRAY['receive', CASE WHEN t.typreceive <> 0 THEN t.typreceive::text END],
      ARRAY['send', CASE WHEN t.typsend <> 0 THEN t.typsend::text END],
      ARRAY['length', t.typlen::text], ARRAY['alignment', t.typalign::text], ARRAY['storage', t.typstorage::text],
      ARRAY['by_value', CASE WHEN t.typbyval THEN 't' END], ARRAY['category', t.typcategory::text]]
  END
FROM pg_type t JOIN ns ON ns.oid = t.typnamespace
WHERE t.typtype IN ('b', 'c', 'd', 'e', 'p', 'r')
  AND (t.typtype <> 'c' OR EXISTS (SELECT FROM rel r WHERE r.oid = t.typrelid AND r.relkind = 'c'))
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)
