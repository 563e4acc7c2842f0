-- The lines that begin with `column` hold the order of the columns; each column is an object of its own.
SELECT 'pg_class'::regclass::oid, r.oid, 0, r.kind, r.identity, NULL,
  concat_ws(E'\n',
    CASE WHEN r.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END || upper(r.kind),
    (SELECT string_agg('column ' || quote_ident(a.attname), E'\n' ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
    CASE WHEN r.reloftype <> 0 THEN 'OF ' || format_type(r.reloftype, NULL) END,
    CASE WHEN r.relispartition THEN
      'PARTITION OF ' || (SELECT i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = r.oid)
      || ' ' || pg_get_expr(r.relpartbound, r.oid) END,
    CASE WHEN NOT r.relispartition THEN
      (SELECT 'INHERITS (' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) || ')'
       FROM pg_inherits i WHERE i.inhrelid = r.oid) END,
    CASE WHEN r.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(r.oid) END,
    (SELECT 'USING ' || quote_ident(am.amname) FROM pg_am am WHERE am.oid = r.relam AND am.amname <> 'heap'),
    (SELECT 'SERVER ' || quote_ident(s.srvname) FROM pg_foreign_table ft JOIN pg_foreign_server s ON s.oid = ft.ftserver
     WHERE ft.ftrelid = r.oid),
    (SELECT 'OPTIONS (' || array_to_string(ft.ftoptions, ', ') || ')' FROM pg_foreign_table ft
     WHERE ft.ftrelid = r.oid AND ft.ftoptions IS NOT NULL),
    (SELECT 'WITH (' || string_agg(option, ', ' ORDER BY option) || ')' FROM (
       SELECT unnest(r.reloptions) AS option
       UNION ALL SELECT 'toast.' || unnest(t.reloptions) FROM pg_class t WHERE t.oid = r.reltoastrelid) options),
    (SELECT 'TABLESPACE ' || quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = r.reltablespace),
    CASE WHEN r.relrowsecurity THEN 'ROW LEVEL SECURITY ENABLED' END,
    CASE WHEN r.relforcerowsecurity THEN 'ROW LEVEL SECURITY FORCED' END,
    CASE r.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN 'REPLICA IDENTITY NOTHING'
      WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX ' ||
        coalesce((SELECT quote_ident(ic.relname) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
                  WHERE i.indrelid = r.oid AND i.indisreplident), 'that is gone') END,
    (SELECT 'CLUSTER ON ' || quote_ident(ic.relname) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
     WHERE i.indrelid = r.oid AND i.indisclustered),
    CASE WHEN $2 THEN 'OWNER ' || quote_ident(pg_get_userbyid(r.relowner)) END)
FROM rel r WHERE r.relkind IN ('r', 'p', 'f')
