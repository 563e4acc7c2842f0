//! The lock that lets one run at a time migrate a set.
//!
//! It is always tried for and never waited for on the server: a session that waits in `pg_advisory_lock()` holds a
//! snapshot, `CREATE INDEX CONCURRENTLY` in the holder waits for that, and the two deadlock.

mod crowd;
pub(crate) mod holder;
mod lease;
mod session;
mod transaction;

use crate::connection::protect;
use crate::error::Error;
use crate::history::settings::RunSettings;
use crate::lock::holder::read;
use crate::sql::answers::{Answers, is_true, parsed};
use crate::sql::quote::quote_nullable;
use crate::sql::transaction::IS_FREE;
use async_trait::async_trait;
use migrate_core::engine::Holder;

pub(crate) use crowd::{Crowd, Crowded, turned_away};
pub(crate) use lease::LeaseLock;
pub(crate) use session::SessionLock;
use tokio_postgres::{Client, SimpleQueryMessage};
pub(crate) use transaction::TransactionLock;

/// The outcome of an attempt to take the lock.
pub(crate) enum LockAttempt {
    /// It is ours, and the questions are answered.
    Got(Answers),
    /// Another session holds it.
    Held,
    /// The connection is in a transaction of its owner's.
    InTransaction,
    /// There is no schema for the history, and so no lock either.
    NoSchema,
}

/// A way to hold the lock over a connection.
#[async_trait]
pub(crate) trait Lock: Send + Sync {
    /// Tries to take the lock, and leaves nothing behind if another run holds it. If it is ours, `questions`
    /// are asked in the same round trip; they are under the condition [`LOCKED`].
    async fn try_acquire(
        &mut self,
        client: &Client,
        questions: &str,
    ) -> Result<LockAttempt, tokio_postgres::Error>;

    /// True if it seems to be free: cheaper than a try that would fail.
    async fn is_free(&self, client: &Client) -> Result<bool, tokio_postgres::Error>;

    /// Gives it back; whether it was still ours.
    async fn release(&self, client: &Client) -> Result<bool, Error>;

    /// A query that gives it back and returns whether it was still ours, where that can stand at the end of any message of
    /// the session that holds it.
    fn release_query(&self) -> Option<String> {
        None
    }

    /// Returns a condition on `pg_locks` that tells the lock of the process `holder` from all others that the
    /// server lists; none if one session both holds it and works.
    fn mark(&self, holder: i32) -> Option<String> {
        let _ = holder;
        None
    }

    /// Keeps it while others work, and ends when it is lost.
    async fn keep(&self, client: &Client);

    /// SQL that gives it back from whatever state the connection is in.
    fn abandon(&self) -> String;

    /// True if the server keeps it after the session that holds it is gone.
    fn outlives_session(&self) -> bool {
        false
    }

    /// Its holder, as far as the server shows it to this role.
    async fn holder(&self, client: &Client) -> Result<Holder, Error>;
}

/// A SQL condition: true if the message that contains it took the lock. It reads a setting of the message's
/// transaction, which reverts when the transaction ends.
pub(crate) const LOCKED: &str = "current_setting('migrate.locked', true) = 'true'";

/// The key of a set's advisory lock: advisory locks are per database already, so schema, table and set tell histories
/// apart. The server computes it, as it alone knows the schema of a history that does not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    sql: String,
    value: Option<i64>,
}

impl Key {
    pub(crate) fn new(settings: &RunSettings, set: &str) -> Key {
        let mut after = vec![0];
        for part in [&*settings.history_table, set] {
            after.extend_from_slice(part.as_bytes());
            after.push(0);
        }
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let schema = quote_nullable(settings.history_schema.as_deref());
        let sql = format!(
            "('x' || encode(substring(sha256(decode('{}', 'hex') || \
             convert_to(coalesce({schema}::text, current_schema()::text), 'UTF8') || decode('{}', 'hex')) \
             FROM 1 FOR 8), 'hex'))::bit(64)::bigint",
            hex(b"migrate lock\0"),
            hex(&after)
        );
        Key { sql, value: None }
    }

    /// The key, as SQL.
    fn sql(&self) -> String {
        self.value.map_or_else(|| self.sql.clone(), |value| value.to_string())
    }

    /// A query that tries for the lock by `function` where `condition` holds, and makes [`LOCKED`] true if it got it.
    fn try_query(&self, function: &str, condition: &str) -> String {
        format!(
            "SELECT {IS_FREE}, key, set_config('migrate.locked', coalesce(CASE WHEN {IS_FREE} AND {condition} THEN \
             pg_catalog.{function}(key) END, false)::text, true) FROM (SELECT {} AS key) k",
            self.sql()
        )
    }

    /// The answer to [`Key::try_query`], and to the questions after it.
    fn tried(&mut self, messages: Vec<SimpleQueryMessage>, before: usize) -> LockAttempt {
        let mut answers = Answers::of(messages);
        for _ in 0..before {
            answers.next();
        }
        let rows = answers.next();
        let Some(row) = rows.first() else { return LockAttempt::Held };
        self.value = parsed(row, 1);
        match (is_true(row, 0), self.value) {
            (false, _) => LockAttempt::InTransaction,
            (true, None) => LockAttempt::NoSchema,
            (true, Some(_)) if is_true(row, 2) => LockAttempt::Got(answers),
            (true, Some(_)) => LockAttempt::Held,
        }
    }

    /// See [`Lock::mark`].
    fn mark(&self, holder: i32) -> Option<String> {
        Some(format!("pid = {holder} AND ((classid::int8 << 32) | objid::int8) = {}", self.value?))
    }

    /// True if it is free: the query takes it, and releases it at its own end.
    pub(crate) async fn is_free(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        self.is_free_where(client, "true").await
    }

    /// The same where a condition holds.
    async fn is_free_where(&self, client: &Client, condition: &str) -> Result<bool, tokio_postgres::Error> {
        let peek = format!(
            "SELECT coalesce(CASE WHEN {condition} THEN pg_catalog.pg_try_advisory_xact_lock({key}) \
             ELSE false END, true)",
            key = self.sql()
        );
        Ok(protect::ask(client, &peek).await?.first().is_none_or(|row| is_true(row, 0)))
    }

    /// The holder of the lock, as far as the server shows it to this role.
    pub(crate) async fn holder(&self, client: &Client) -> Result<Holder, Error> {
        let rows = protect::ask(client, &format!("{HOLDER} {} LIMIT 1", crowd::in_the_way(&self.sql())))
            .await
            .map_err(|source| Error::server("looking for who holds the migration lock", source))?;
        Ok(rows.first().map(read).unwrap_or_default())
    }
}

/// A query for another session that fails, by a division by zero, on a server where the lock of a [mark](Lock::mark) is not
/// held.
pub(crate) fn same_server(mark: &str) -> String {
    format!(
        "SELECT 1 / EXISTS (SELECT FROM pg_catalog.pg_locks WHERE {mark} AND locktype = 'advisory' AND granted \
         AND objsubid = 1)::int"
    )
}

/// The query for the holder of an advisory lock, up to its key. `pg_locks` shows the halves of the key as
/// `classid` and `objid`.
///
/// The query of a session that only holds the lock is the one that took it, and of no interest.
const HOLDER: &str = "\
    SELECT a.pid, a.application_name::text, \
           extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8, \
           CASE WHEN pg_catalog.strpos(a.query, 'migrate.locked') = 0 THEN left(a.query, 200)::text END \
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database() \
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
      AND ((l.classid::int8 << 32) | l.objid::int8)";
