SELECT 'pg_proc'::regclass::oid, p.oid, 0, 'aggregate',
  ns.prefix || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')', NULL,
  concat_ws(E'\n',
    'AGGREGATE (' || pg_get_function_arguments(p.oid) || ')',
    'RETURNS ' || pg_get_function_result(p.oid),
    'SFUNC ' || a.aggtransfn::regprocedure,
    'STYPE ' || format_type(a.aggtranstype, NULL),
    CASE WHEN a.aggtransspace <> 0 THEN 'SSPACE ' || a.aggtransspace END,
    CASE WHEN a.aggfinalfn <> 0 THEN 'FINALFUNC ' || a.aggfinalfn::regprocedure || ' ' || a.aggfinalmodify::text END,
    CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
    CASE WHEN a.aggcombinefn <> 0 THEN 'COMBINEFUNC ' || a.aggcombinefn::regprocedure END,
    CASE WHEN a.aggserialfn <> 0 THEN 'SERIALFUNC ' || a.aggserialfn::regprocedure END,
    CASE WHEN a.aggdeserialfn <> 0 THEN 'DESERIALFUNC ' || a.aggdeserialfn::regprocedure END,
    'INITCOND ' || quote_literal(a.agginitval),
    CASE WHEN a.aggmtransfn <> 0 THEN 'MSFUNC ' || a.aggmtransfn::regprocedure || ' ' || a.aggminvtransfn::regprocedure
      || ' ' || format_type(a.aggmtranstype, NULL) || coalesce(' ' || quote_literal(a.aggminitval), '') END,
    CASE WHEN a.aggsortop <> 0 THEN 'SORTOP ' || a.aggsortop::regoperator END,
    CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END,
    'PARALLEL ' || p.proparallel::text,
    CASE WHEN $2 THEN 'OWNER ' || quote_ident(pg_get_userbyid(p.proowner)) END)
FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace JOIN pg_aggregate a ON a.aggfnoid = p.oid
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
