//! Runs that crowd a pooler out: each holds the migration lock on a server connection and waits for another one to work with.
//!
//! A pooler in transaction mode has a fixed number of server connections. As many runs of different sets can hold all of them
//! with their locks; none of them then gets one for its work, and PgBouncer ends that only after its `query_wait_timeout`
//! (two minutes unless set otherwise), for all of them. So a run whose worker is not served looks at the server's sessions over
//! the connection that holds its lock. One run stays, and the others give their locks back and try again later.

use crate::error::Error;
use crate::sql::answers::{Answers, is_true};
use crate::sql::quote::quote_literal;
use migrate_core::engine::Backoff;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// The key of the advisory lock of the one run that stays.
const FIRST: i64 = i64::from_be_bytes(*b"migrate1");

/// The longest time that a worker may be unserved before its run looks. The actual time is random, at least
/// half of that, so that runs that began together do not give way together.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// The time that the run that stays waits for others that hold a lock. By then, those that wait as it does
/// have given way.
const OTHERS_LEAVE_WITHIN: Duration = Duration::from_secs(4);

/// The time for which a run may be the only one of its role with a connection before its pool counts as one
/// of a single connection.
const ONLY_ONE_AFTER: Duration = Duration::from_secs(6);

/// The number of bytes of a message that the server has to show for the message's mark to be seen.
const MARK_ENDS_WITHIN: i32 = 512;

/// True if another session holds a migration lock in this database: an idle transaction that took it, or checked it since.
const ANOTHER_HOLDS: &str = "\
    EXISTS (SELECT FROM pg_catalog.pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() \
    AND state = 'idle in transaction' AND pg_catalog.strpos(query, 'migrate.locked') > 0)";

/// True if a pooler at the address of this session's client has no other connection for its role and database.
const IS_ALONE: &str = "\
    NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity me JOIN pg_catalog.pg_stat_activity other \
    ON other.datid = me.datid AND other.usesysid = me.usesysid AND other.pid <> me.pid \
    AND other.client_addr IS NOT DISTINCT FROM me.client_addr AND other.backend_type = 'client backend' \
    WHERE me.pid = pg_catalog.pg_backend_pid())";

/// The condition under which the migration lock may be tried for: no other run stays while the others give way. A run that had
/// to give way tries only where no other one holds a lock, because that one may be at work.
pub(super) fn may_try(has_given_way: bool) -> String {
    // Taken and given back in one expression: there is nothing between that could fail.
    let is_unannounced = format!(
        "coalesce(CASE WHEN pg_catalog.pg_try_advisory_lock_shared({FIRST}) \
         THEN pg_catalog.pg_advisory_unlock_shared({FIRST}) END, false)"
    );
    if has_given_way { format!("{is_unannounced} AND NOT {ANOTHER_HOLDS}") } else { is_unannounced }
}

/// The keys of the locks that keep others from the lock of a key, the one of the run that stays last.
pub(super) fn in_the_way(key: &str) -> String {
    format!("IN ({key}, {FIRST}) ORDER BY ((l.classid::int8 << 32) | l.objid::int8) = {FIRST}")
}

/// The error of such a wait.
pub(crate) fn turned_away(source: tokio_postgres::Error) -> Error {
    Error::server("waiting for a server connection of the pooler", source)
}

/// The monitor of a worker's first message, on the connection that holds the lock.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// The mark in that message, which no other message contains.
    pub(crate) mark: String,
    /// Since when the run has been trying.
    pub(crate) since: Instant,
    /// The maximum.
    pub(crate) wait: Duration,
}

/// The reason why a run releases its lock.
pub(crate) struct Crowded {
    pub(crate) error: Error,
    /// True if it may try again: the only connection of a pool stays the only one, however long a run waits.
    pub(crate) may_retry: bool,
}

struct PoolUsage {
    is_served: bool,
    is_first: bool,
    another_holds: bool,
    is_alone: bool,
}

impl Crowd {
    /// The error of a run that was not served.
    pub(crate) fn error(&self, only_one: bool) -> Error {
        Error::NoServerConnection { waited: self.since.elapsed(), holds_lock: true, only_one }
    }

    /// Waits until the worker is served; why the run has to give its lock back where it is not.
    ///
    /// # Errors
    ///
    /// When the server can't be asked: the transaction that holds the lock has failed then, and the lock is lost.
    pub(crate) async fn watch(
        &self,
        client: &Client,
        is_answered: &AtomicBool,
    ) -> Result<Option<Crowded>, tokio_postgres::Error> {
        let mut pauses = Backoff::new(LOOK_AFTER, LOOK_AFTER);
        let (began, mut first) = (Instant::now(), None);
        loop {
            let left = self.wait.saturating_sub(self.since.elapsed());
            tokio::time::sleep(pauses.pause().min(left.max(LOOK_AFTER / 2))).await;
            if is_answered.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let seen = self.probe(client).await?;
            if seen.is_served {
                return Ok(None);
            }
            let is_over = self.since.elapsed() >= self.wait;
            if seen.is_alone && (is_over || began.elapsed() >= ONLY_ONE_AFTER) {
                return Ok(Some(Crowded { error: self.error(true), may_retry: false }));
            }
            let first = *first.get_or_insert_with(Instant::now);
            let others_work = seen.another_holds && first.elapsed() >= OTHERS_LEAVE_WITHIN;
            if is_over || !seen.is_first || others_work {
                return Ok(Some(Crowded { error: self.error(false), may_retry: true }));
            }
        }
    }

    /// Checks whether a server connection has the worker's message. If none has, tries to be the run that
    /// stays.
    ///
    /// If the server does not track what sessions run, or tracks too little of it, this can't be known; the
    /// worker then counts as served.
    async fn probe(&self, client: &Client) -> Result<PoolUsage, tokio_postgres::Error> {
        let sql = format!(
            "SELECT served, CASE WHEN NOT served THEN pg_catalog.pg_try_advisory_xact_lock({FIRST}) END, \
             {ANOTHER_HOLDS}, {IS_ALONE} \
             FROM (SELECT NOT current_setting('track_activities')::bool OR (SELECT setting::int < {MARK_ENDS_WITHIN} \
             FROM pg_catalog.pg_settings WHERE name = 'track_activity_query_size') OR EXISTS (SELECT FROM pg_catalog.pg_stat_activity \
             WHERE pid <> pg_catalog.pg_backend_pid() AND pg_catalog.strpos(query, {}) > 0) AS served OFFSET 0) s",
            quote_literal(&self.mark)
        );
        let rows = Answers::of(client.simple_query(&sql).await?).next();
        let says = |column| rows.first().is_some_and(|row| is_true(row, column));
        Ok(PoolUsage { is_served: says(0), is_first: says(1), another_holds: says(2), is_alone: says(3) })
    }
}
