  -- Histories and leases, known by their columns, whatever they are called.
  SELECT c.oid, c.relnamespace FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  WHERE c.relkind = 'r'
    AND (a.attname IN ('set_name', 'seq', 'version', 'live', 'digest', 'checkpoint', 'up_sql', 'down_sql')
         OR (c.relname = 'migrate_lease' AND a.attname IN ('history', 'owner', 'expires_at')))
  GROUP BY c.oid, c.relnamespace, c.relname
  HAVING count(*) FILTER (WHERE a.attname NOT IN ('history', 'owner', 'expires_at')) = 8
    OR (c.relname = 'migrate_lease' AND count(*) = 4)
  UNION ALL
  -- The head table, known by the columns that it refers to a history with.
  SELECT c.oid, c.relnamespace FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND a.attname IN ('set_name', 'history', 'schema_name', 'seq', 'head') AND c.relname ~ '_head$'
  GROUP BY c.oid, c.relnamespace HAVING count(*) = 5
  UNION ALL
  -- Approvals, backfills and the rows that those have set aside.
  SELECT c.oid, c.relnamespace FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  WHERE c.relkind = 'r'
    AND (c.relname ~ '_approval$' AND a.attname IN ('set_name', 'version', 'rule', 'reason', 'recorded_at')
      OR c.relname ~ '_backfill$' AND a.attname IN ('set_name', 'version', 'relation', 'key_columns', 'rows_done')
      OR c.relname ~ '_quarantine$' AND a.attname IN ('set_name', 'version', 'key', 'sqlstate', 'error'))
  GROUP BY c.oid, c.relnamespace HAVING count(*) = 5
  UNION ALL
  -- Lists of backups, and schemas that were kept.
  SELECT c.oid, c.relnamespace FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND (c.relname = 'migrate_backup' AND a.attname IN ('set_name', 'file', 'bytes', 'made_at')
    OR c.relname = 'migrate_schema' AND a.attname IN ('set_name', 'applied', 'identities', 'digests'))
  GROUP BY c.oid, c.relnamespace HAVING count(*) = 4
