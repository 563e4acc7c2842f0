//! Checks that the head table agrees with the history.

use crate::proxy::{Proxy, Side};
use migrate_postgres::{Error, Migrator, Report};
use tokio_postgres::{Client, Config, NoTls};

/// The number of queries that a boot over a new connection takes, and its number of steps.
///
/// # Panics
///
/// If it fails.
pub async fn boot(migrator: &Migrator, database: &Config) -> (usize, usize) {
    let (queries, report) = watched(migrator, database).await;
    (queries, report.unwrap().steps.len())
}

/// The number of queries that a run over a new connection takes, and its outcome.
///
/// # Panics
///
/// If it can't connect.
pub async fn watched(migrator: &Migrator, database: &Config) -> (usize, Result<Report, Error>) {
    let proxy = Proxy::start(database).await;
    let (client, connection) = proxy.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    proxy.forget();
    let report = migrator.run(&client).await;
    (proxy.connection().tags(Side::Client).matches(['Q', 'S']).count(), report)
}

/// The first fault in the current schema's head table: each set's row must be empty or agree with the end of
/// the set's history. The table may not exist yet.
///
/// # Panics
///
/// If it can't be read.
pub async fn fault(client: &Client) -> Option<String> {
    let there = "SELECT to_regclass('migrate_history_head') IS NOT NULL";
    if !client.query_one(there, &[]).await.expect("a look at the tables").get::<_, bool>(0) {
        return None;
    }
    let faults = "\
        SELECT string_agg(format('set %s: head %L (row %s), last row %s', h.set_name, h.head, h.seq, last), '; ') \
        FROM migrate_history_head h LEFT JOIN LATERAL (SELECT * FROM migrate_history r WHERE r.set_name = h.set_name \
          AND (outcome <> 'unfinished' OR checkpoint IS NOT NULL) ORDER BY seq DESC LIMIT 1) last ON true \
        WHERE h.head <> '' AND (h.seq IS DISTINCT FROM last.seq \
          OR split_part(h.head, chr(31), 1) IS DISTINCT FROM encode(last.digest, 'hex') \
          OR EXISTS (SELECT FROM migrate_history r WHERE r.set_name = h.set_name AND checkpoint IS NOT NULL \
            AND (outcome <> 'done' OR action = 'rewind')))";
    client.query_one(faults, &[]).await.expect("both tables are read").get(0)
}

/// A set's row in the head table, with `|` and `;` as separators; none if the set has no row.
///
/// # Panics
///
/// If it can't be read.
pub async fn head(client: &Client, set: &str) -> Option<String> {
    let sql =
        "SELECT translate(head, chr(31) || chr(30), '|;') FROM migrate_history_head WHERE set_name = $1";
    client.query_opt(sql, &[&set]).await.expect("the head table is read").map(|row| row.get(0))
}
