//! The load of the server, read by one query between two batches.
//!
//! It reads nothing that every role may not read, except the lag of standbys, which shows as NULL without
//! `pg_monitor`: [`Load::hidden_standbys`] counts those.

use crate::connection::protect;
use crate::sql::answers::{parsed, text};
use migrate_core::backfill::{Load, Standby};
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryRow};

/// The other sessions of this database.
const OTHERS: &str = "l.pid <> pg_catalog.pg_backend_pid() AND l.database = \
                      (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

/// Queries the load on the server and on the table with this OID, without the standbys to ignore.
pub(super) async fn ask(
    client: &Client,
    table: u32,
    ignored_standbys: &[String],
) -> Result<Load, tokio_postgres::Error> {
    let rows = protect::ask(client, &question(table)).await?;
    let mut load = Load::default();
    rows.iter().for_each(|row| read(&mut load, row));
    load.standbys.retain(|standby| !ignored_standbys.contains(&standby.name));
    Ok(load)
}

fn read(load: &mut Load, row: &SimpleQueryRow) {
    let number = || parsed(row, 2).unwrap_or_default();
    let name = || text(row, 1).unwrap_or_default().to_owned();
    match text(row, 0) {
        Some("position") => load.position = number(),
        Some("standby") => {
            let mut standby = Standby::default();
            standby.name = name();
            standby.replayed = parsed(row, 2);
            standby.replay_lag = parsed(row, 3).and_then(|lag| Duration::try_from_secs_f64(lag).ok());
            load.standbys.push(standby);
        }
        Some("slot") => load.slots.push((name(), number())),
        Some("unarchived") => load.unarchived = number(),
        Some("waiters") => load.table_waiters = number(),
        Some("vacuum") => load.wraparound_vacuum = number() > 0,
        _ => {}
    }
}

/// One row for each fact: its kind, a name, a number, and a standby's own measure of its lag.
fn question(table: u32) -> String {
    let position = "(pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_lsn)";
    let size = "pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))";
    let part = |from| format!("('x' || substr(a.last_archived_wal, {from}, 8))::bit(32)::bigint");
    let tables = format!(
        "SELECT {table}::oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree({table}::oid::regclass)"
    );
    let limit = |name: &str| {
        format!(
            "least(pg_catalog.current_setting('{name}')::bigint, (SELECT option_value::bigint FROM \
             pg_catalog.pg_options_to_table(c.reloptions) WHERE option_name = '{name}'))"
        )
    };
    [
        format!("SELECT 'position' AS fact, NULL::text, {position}::text, NULL::text"),
        // A base backup and `pg_receivewal` stream too: they replay nothing, and report what they have
        // written every 10 s, or at the end of a segment. For them, the position sent counts. A logical
        // subscriber holds back nothing but its slot's WAL, which has its own limit. Without the privilege,
        // every column but the process is NULL.
        "SELECT 'standby', coalesce(r.application_name, '?'), \
         (coalesce(r.replay_lsn, greatest(r.sent_lsn, r.write_lsn, r.flush_lsn)) - '0/0'::pg_lsn)::text, \
         extract(epoch FROM r.replay_lag)::text FROM pg_catalog.pg_stat_replication r \
         WHERE (r.state IS NULL OR r.state IN ('streaming', 'catchup') AND coalesce(r.replay_lsn, r.sent_lsn) IS NOT NULL) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')"
            .to_owned(),
        format!(
            "SELECT 'slot', s.slot_name::text, greatest({position} - (s.restart_lsn - '0/0'::pg_lsn), 0)::text, NULL \
             FROM pg_catalog.pg_replication_slots s WHERE s.restart_lsn IS NOT NULL"
        ),
        format!(
            "SELECT 'unarchived', NULL, greatest({position} - ({} * (4294967296 / {size}) + {} + 1) * {size}, 0)::bigint::text, NULL \
             FROM pg_catalog.pg_stat_archiver a WHERE pg_catalog.current_setting('archive_mode') <> 'off' \
             AND a.last_archived_wal ~ '^[0-9A-F]{{24}}$'",
            part(9),
            part(17)
        ),
        format!(
            "SELECT 'waiters', NULL, count(DISTINCT l.pid)::text, NULL FROM pg_catalog.pg_locks l \
             WHERE l.locktype = 'relation' AND NOT l.granted AND {OTHERS} AND l.relation IN ({tables})"
        ),
        format!(
            "SELECT 'vacuum', NULL, count(*)::text, NULL FROM pg_catalog.pg_class c WHERE c.oid IN ({tables}) \
             AND c.relfrozenxid <> '0' AND (pg_catalog.age(c.relfrozenxid) > {} OR pg_catalog.mxid_age(c.relminmxid) > {}) \
             AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.relation = c.oid \
             AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND {OTHERS})",
            limit("autovacuum_freeze_max_age"),
            limit("autovacuum_multixact_freeze_max_age")
        ),
    ]
    .join(" UNION ALL ")
}
