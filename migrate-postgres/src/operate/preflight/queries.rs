//! The catalog queries of a preflight.

use std::time::Duration;

/// Distributions append their build to the version.
pub(super) const SERVER: &str = "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) || ', database ' \
    || current_database() || ', as ' || current_user";

/// The role's privileges to write the history.
pub(super) fn history_rights(table: &str) -> String {
    let table = crate::sql::quote::quote_literal(table);
    format!(
        "SELECT has_table_privilege({table}, 'SELECT') AND has_table_privilege({table}, 'INSERT') \
         AND has_table_privilege({table}, 'UPDATE')"
    )
}

/// Relations whose owner's role this role can't assume.
pub(super) fn not_owned(oids: &str) -> String {
    format!(
        "SELECT n.nspname || '.' || c.relname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid IN ({oids}) AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY 1"
    )
}

/// Sessions with locks on the relations or their partitions, and since when; the strongest mode first.
pub(super) fn holders(oids: &str) -> String {
    format!(
        "SELECT w.oid, n.nspname || '.' || c.relname, l.mode, l.pid, a.application_name, a.state, \
                extract(epoch FROM clock_timestamp() - a.xact_start) \
         FROM pg_catalog.pg_class w JOIN pg_catalog.pg_namespace n ON n.oid = w.relnamespace \
         CROSS JOIN LATERAL (SELECT w.oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(w.oid)) AS t (oid) \
         JOIN pg_catalog.pg_class c ON c.oid = t.oid \
         JOIN pg_catalog.pg_locks l ON l.relation = t.oid AND l.locktype = 'relation' AND l.granted \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
         JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE w.oid IN ({oids}) AND l.pid <> pg_catalog.pg_backend_pid() \
         ORDER BY a.xact_start, l.mode LIMIT 50"
    )
}

/// The number of other roles' sessions that this role can't inspect.
pub(super) const UNSEEN: &str = "SELECT count(*) FROM pg_catalog.pg_stat_activity \
    WHERE datname = current_database() AND query = '<insufficient privilege>'";

pub(super) const PREPARED: &str =
    "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY prepared";

/// Sessions with a long-running transaction.
pub(super) fn long(since: Duration) -> String {
    format!(
        "SELECT pid, application_name FROM pg_catalog.pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_catalog.pg_backend_pid() AND xact_start < clock_timestamp() - interval '{} s' \
         ORDER BY xact_start LIMIT 10",
        since.as_secs()
    )
}

/// Invalid indexes, those of the given tables first. An invalid index of a partitioned table only lacks
/// partitions.
pub(super) fn invalid_indexes(oids: &str) -> String {
    format!(
        "SELECT i.indexrelid::regclass, i.indrelid::regclass FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i' \
         ORDER BY i.indrelid IN ({oids}) DESC, 1 LIMIT 20"
    )
}

/// Standbys and their lag. A standby itself has no write position.
pub(super) const STANDBYS: &str = "SELECT application_name, \
    CASE WHEN NOT pg_is_in_recovery() THEN \
      greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::int8 END FROM pg_catalog.pg_stat_replication";

/// True if commits wait for a standby that is not connected.
pub(super) const SYNCHRONOUS: &str = "SELECT current_setting('synchronous_standby_names') <> '' \
    AND current_setting('synchronous_commit') NOT IN ('off', 'local') \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication)";

/// Replication slots without a consumer, and the WAL that they retain.
pub(super) const SLOTS: &str = "SELECT slot_name, CASE WHEN NOT pg_is_in_recovery() THEN \
      greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8 END \
    FROM pg_catalog.pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL";

pub(super) const DATABASE_SIZE: &str = "SELECT pg_catalog.pg_database_size(current_database())";

pub(super) const NOW: &str = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())";
