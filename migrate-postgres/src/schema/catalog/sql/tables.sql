-- The lines that begin with `column` hold the order of the columns; each column is an object of its own.
SELECT 'pg_class'::regclass::oid, r.oid, 0, r.kind, r.identity, NULL,
  ARRAY[
    ARRAY['unlogged', CASE WHEN r.relpersistence = 'u' THEN 't' END],
    ARRAY['of_type', CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END],
    ARRAY['partition_of', CASE WHEN r.relispartition THEN
      (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = r.oid) END],
    ARRAY['bound', CASE WHEN r.relispartition THEN pg_get_expr(r.relpartbound, r.oid) END],
    ARRAY['partition_by', CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END],
    ARRAY['access_method', (SELECT quote_ident(am.amname) FROM pg_am am WHERE am.oid = r.relam AND am.amname <> 'heap')],
    ARRAY['tablespace', (SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = r.reltablespace)],
    ARRAY['row_security', CASE WHEN r.relrowsecurity THEN 't' END],
    ARRAY['forced_row_security', CASE WHEN r.relforcerowsecurity THEN 't' END],
    ARRAY['replica_identity', CASE r.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
      WHEN 'i' THEN 'USING INDEX ' ||
        coalesce((SELECT quote_ident(ic.relname) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
                  WHERE i.indrelid = r.oid AND i.indisreplident), 'that is gone') END],
    ARRAY['cluster_on', (SELECT quote_ident(ic.relname) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
     WHERE i.indrelid = r.oid AND i.indisclustered)],
    ARRAY['owner', CASE WHEN $2 THEN quote_ident(pg_get_userbyid(r.relowner)) END]]
  || (SELECT array_agg(ARRAY['columns', quote_ident(a.attname)] ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped)
  || CASE WHEN NOT r.relispartition THEN
    (SELECT array_agg(ARRAY['inherits', i.inhparent::regclass::text] ORDER BY i.inhseqno)
     FROM pg_inherits i WHERE i.inhrelid = r.oid) END
  || CASE WHEN r.relkind = 'f' THEN
    (SELECT ARRAY[ARRAY['server', quote_ident(s.srvname)]] || (SELECT array_agg(ARRAY['foreign_options', o]) FROM unnest(ft.ftoptions) o)
     FROM pg_foreign_table ft JOIN pg_foreign_server s ON s.oid = ft.ftserver WHERE ft.ftrelid = r.oid) END
  || (SELECT array_agg(ARRAY['options', option] ORDER BY option) FROM (
     SELECT unnest(r.reloptions) AS option
     UNION ALL SELECT 'toast.' || unnest(t.reloptions) FROM pg_class t WHERE t.oid = r.reltoastrelid) options)
FROM rel r WHERE r.relkind IN ('r', 'p', 'f')
