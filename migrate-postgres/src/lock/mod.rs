//! The lock that lets one run at a time migrate a set.
//!
//! It is always tried for and never waited for on the server: a session that waits in `pg_advisory_lock()` holds a
//! snapshot, `CREATE INDEX CONCURRENTLY` in the holder waits for that, and the two deadlock.

mod lease;
mod session;
mod transaction;

use crate::apply::blockers::read;
use crate::error::Error;
use crate::history::HistoryTable;
use async_trait::async_trait;
use migrate_core::history::Holder;

pub(crate) use lease::LeaseLock;
pub(crate) use session::SessionLock;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage};
pub(crate) use transaction::TransactionLock;

/// How the migration lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockKind {
    /// By a transaction that is held open, idle, on a connection of its own. It holds behind a transaction pooler, and
    /// does not stand in the way of `CREATE INDEX CONCURRENTLY`: an idle READ COMMITTED transaction holds no snapshot.
    /// The default wherever the target can open a second connection.
    Transaction,
    /// By the session that works. One connection is enough, but behind a transaction pooler a session is not one:
    /// only for direct connections. The default over a single `Client`.
    Session,
    /// By a row of the table `migrate_lease` beside the history, with an owner and an expiry that a heartbeat renews: for
    /// servers that speak PostgreSQL's protocol and have no advisory locks. A run that can't renew it in time stops, in the
    /// middle of a statement if need be. It takes a target that can open a second connection.
    Lease {
        /// How long after its last heartbeat a lease expires, so that another run may begin. The heartbeat comes three
        /// times as often. 30 seconds are a good value.
        expiry: Duration,
    },
}

/// A way to hold the lock over a connection.
#[async_trait]
pub(crate) trait Lock: Send + Sync {
    /// Tries to take it, and leaves nothing behind where somebody else has it.
    async fn try_acquire(&self, client: &Client) -> Result<bool, Error>;

    /// Gives it back; whether it was still ours.
    async fn release(&self, client: &Client) -> Result<bool, Error>;

    /// Keeps it while others work, and ends when it is lost.
    async fn keep(&self, client: &Client);

    /// SQL that gives it back from whatever state the connection is in.
    fn abandon(&self) -> String;

    /// Whether the server would keep it when the session that holds it is gone.
    fn outlives_session(&self) -> bool {
        false
    }

    /// Who holds it, as far as the server shows that to this role.
    async fn holder(&self, client: &Client) -> Result<Holder, Error>;
}

/// The key of a set's lock. Advisory locks are per database already, so schema, table and set tell histories apart.
pub(crate) fn key(table: &HistoryTable, set: &str) -> i64 {
    let mut hasher = Sha256::new();
    for part in ["migrate lock", table.schema(), table.name(), set] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let hash = hasher.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(bytes)
}

/// Whether a connection is in no transaction yet, asked in a simple query: a transaction that begins with it has its time.
///
/// A `Client` that we were given may be in one of its owner's, which our COMMIT would commit.
pub(crate) const IS_FREE: &str = "pg_catalog.now() = pg_catalog.statement_timestamp()";

/// The last row of a message that tried for a lock: whether the connection was free to, and whether it got it.
fn outcome(answer: &[SimpleQueryMessage]) -> Result<bool, Error> {
    let last = answer.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("t"))),
        _ => None,
    });
    match last {
        Some((false, _)) => Err(Error::InTransaction),
        Some((true, got)) => Ok(got),
        None => Ok(false),
    }
}

/// Who holds an advisory lock. `pg_locks` shows the halves of its key as `classid` and `objid`.
const HOLDER: &str = "\
    SELECT a.pid, a.application_name::text, \
           extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8, \
           left(a.query, 200)::text \
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database() \
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
      AND ((l.classid::int8 << 32) | l.objid::int8) = $1 \
    LIMIT 1";

/// Who holds an advisory lock, as far as the server shows that to this role.
async fn holder(client: &Client, key: i64) -> Result<Holder, Error> {
    let rows = client
        .query_typed(HOLDER, &[(&key, Type::INT8)])
        .await
        .map_err(|source| Error::server("looking for who holds the migration lock", source))?;
    Ok(rows.first().map(read).unwrap_or_default())
}
