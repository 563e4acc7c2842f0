//! Statements in doubt: the outcome of a statement without a transaction after its run was interrupted.
//!
//! Such a statement can't be committed together with the checkpoint after it. If its client was lost, it may
//! be done, be half done, or still be running on the server. `pg_stat_activity` shows whether it runs, and
//! for most statements the catalog shows what it left.

mod index;
mod object;

use super::Context;
use crate::connection::protect::alive_until;
use crate::sql::quote::quote_literal;
use migrate_core::engine::Holder;
use migrate_core::engine::{Backoff, Progress};
use migrate_core::plan::Step;
use migrate_core::sql::{self, Refusal, Subject};
use object::Class;
use std::time::{Duration, Instant};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// The outcome of earlier tries of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// There were none.
    Nothing,
    /// The server answered the last one with an error.
    Failed,
    /// The last one may have been sent; its outcome is unknown.
    Unknown,
}

/// The action for a statement in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecoveryAction {
    /// It is not done: run it.
    Run,
    /// It is done.
    Done,
}

/// The reason why a run can't resume at a statement.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsettled {
    /// A session whose client is gone, or another one, is still running it.
    #[error("{}", migrate_core::clean!("another session is still running this statement, and did not finish it within \
             {waited:.0?}"))]
    Running {
        /// The time spent waiting.
        waited: Duration,
        /// The sessions.
        holders: Vec<Holder>,
    },
    /// Its outcome can't be determined.
    #[error("{}", migrate_core::clean!("a run was interrupted at this statement, and its outcome is unknown: {why}"))]
    Undecidable {
        /// The reason.
        why: String,
    },
    /// This server must not run it, or has not done it well.
    #[error("{}", migrate_core::clean!("{why}"))]
    Unsafe {
        /// The reason.
        why: String,
    },
    /// The server said no, to a question or to clearing up.
    #[error(transparent)]
    Server(#[from] tokio_postgres::Error),
}

/// A statement that can't share a transaction with its checkpoint.
#[derive(Clone)]
pub(super) struct InDoubtStatement<'d> {
    pub(super) context: Context<'d>,
    pub(super) step: &'d Step<'d>,
    /// Its place in the script, the first being 0.
    pub(super) index: usize,
    pub(super) text: &'d str,
    /// None for `CALL` and `DO`.
    pub(super) refuses: Option<Refusal>,
    pub(super) before: Before,
    /// The statement that failed in another text of the script, which this one corrects.
    pub(super) wrong: Option<&'d str>,
    /// The transaction that moved the checkpoint to this statement; none where there were no earlier tries, or where the
    /// history doesn't tell.
    pub(super) since: Option<String>,
}

impl InDoubtStatement<'_> {
    /// Finds out what is to be done with the statement, and clears away what an earlier try of it left.
    pub(super) async fn settle(&self, progress: &mut Progress<'_>) -> Result<RecoveryAction, Unsettled> {
        let subject = sql::subject(self.text);
        if self.before == Before::Nothing && !matches!(subject, Some(Subject::CreateIndex { .. })) {
            return Ok(RecoveryAction::Run);
        }
        self.wait_until_nobody_runs_it(subject.as_ref(), progress).await?;
        match subject {
            Some(subject) => self.probe(&subject).await,
            // Of a CREATE or DROP that can't be read the server will say what is wrong with it.
            None if self.refuses.is_some() || self.before != Before::Unknown => Ok(RecoveryAction::Run),
            None => self.undecidable("the catalog does not show whether it was done"),
        }
    }

    async fn probe(&self, subject: &Subject) -> Result<RecoveryAction, Unsettled> {
        match subject {
            Subject::CreateIndex { name: Some(name), .. } => self.named_index(subject, name).await,
            Subject::CreateIndex { .. } => self.unnamed_index(subject).await,
            Subject::DropIndex { names } => self.dropped_indexes(names).await,
            Subject::ReindexIndex { name } => self.reindexed(name, true).await,
            Subject::ReindexTable { name } => self.reindexed(name, false).await,
            Subject::DetachPartition { table, partition } => self.detached(table, partition).await,
            Subject::CreateDatabase { .. }
            | Subject::CreateTablespace { .. }
            | Subject::CreateSubscription { .. } => self.created(subject).await,
            Subject::DropDatabase { name } => self.dropped(Class::Database, name).await,
            Subject::DropTablespace { name } => self.dropped(Class::Tablespace, name).await,
            Subject::DropSubscription { name } => self.dropped(Class::Subscription, name).await,
            Subject::EndPrepared { transaction } => self.prepared(transaction).await,
            _ => self.undecidable("the catalog does not show whether it was done"),
        }
    }

    /// Returns the action for a statement that the catalog shows as done or not. An attempt whose result is
    /// unknown has done it. An attempt that the server answered with an error has not: the effect was there
    /// before, and the server is to report that again.
    fn done_if(&self, is_done: bool) -> RecoveryAction {
        if is_done && self.before == Before::Unknown { RecoveryAction::Done } else { RecoveryAction::Run }
    }

    /// Returns a SQL condition: true if an object was made after the checkpoint came to this statement, as an
    /// object of an earlier attempt is. `ages` is SQL for the ages of the object's rows in the catalogs. The
    /// oldest row decides, because a later change rewrites only some of them. NULL if the history doesn't
    /// tell.
    fn is_newer(&self, ages: &str) -> String {
        let Some(since) = &self.since else { return "NULL::bool".to_owned() };
        format!("({ages}) < pg_catalog.age({}::xid)", quote_literal(since))
    }

    fn undecidable<T>(&self, why: impl Into<String>) -> Result<T, Unsettled> {
        Err(Unsettled::Undecidable { why: why.into() })
    }

    fn client(&self) -> &Client {
        self.context.client
    }
}

/// Waiting.
impl InDoubtStatement<'_> {
    /// Waits until no other session runs the same statement: it will end, in one way or the other, though its client
    /// is gone. What is waited for must not wait for us, so there is no transaction while we wait.
    async fn wait_until_nobody_runs_it(
        &self,
        subject: Option<&Subject>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Unsettled> {
        let settings = &self.context.settings.engine;
        let mut backoff = Backoff::new(Duration::from_millis(20), settings.poll);
        let (began, mut told) = (Instant::now(), None::<Instant>);
        loop {
            let holders = self.running(subject).await?;
            let waited = began.elapsed();
            let Some(first) = holders.first() else { return Ok(()) };
            if waited > settings.lock_wait {
                return Err(Unsettled::Running { waited, holders });
            }
            if told.is_none_or(|told| told.elapsed() > TELL_WAITING_EVERY) {
                progress.statement_awaited(self.step, self.index + 1, waited, first);
                told = Some(Instant::now());
            }
            let pausing = tokio::time::sleep(backoff.pause());
            alive_until(self.client(), self.context.session_info.idle_limit, pausing).await;
        }
    }

    /// The other sessions that run the statement.
    async fn running(&self, subject: Option<&Subject>) -> Result<Vec<Holder>, tokio_postgres::Error> {
        let (table, index) = match subject {
            Some(Subject::CreateIndex { table, name, .. }) => (Some(table.as_str()), name.as_deref()),
            _ => (None, None),
        };
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.text, Type::TEXT), (&table, Type::TEXT), (&index, Type::TEXT)];
        let rows = self.context.ask(RUNNING, &parameters).await?;
        Ok(rows.iter().map(holder).collect())
    }
}

const TELL_WAITING_EVERY: Duration = Duration::from_secs(10);

/// Parameters: the statement, and for a `CREATE INDEX` its table and the index as written.
///
/// The same text in another schema builds another index: a session that has no lock on the table is not at this one.
///
/// `pg_stat_activity` shows the beginning of a query, as many bytes as `track_activity_query_size` says (100 at least). A
/// role that may not see another's queries sees who has the lock that building an index concurrently takes.
const RUNNING: &str = "\
    SELECT a.pid, a.application_name::text, \
      extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::float8, left(a.query, 200) \
    FROM pg_catalog.pg_stat_activity a \
    WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() AND ( \
      a.state = 'active' AND (a.query = $1 OR octet_length(a.query) >= 96 AND starts_with($1, a.query)) \
        AND ($2 IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' \
          AND l.relation = pg_catalog.to_regclass($2))) \
      OR $2 IS NOT NULL AND a.query = '<insufficient privilege>' AND a.usesysid IS NOT NULL AND EXISTS ( \
        SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' \
          AND l.mode = 'ShareUpdateExclusiveLock' AND l.relation = pg_catalog.to_regclass($2)) \
      OR $3 IS NOT NULL AND EXISTS ( \
        SELECT FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_class c ON c.oid = p.index_relid \
        WHERE p.pid = a.pid AND p.relid = pg_catalog.to_regclass($2) \
          AND c.relname = (pg_catalog.parse_ident($3))[1]::name)) \
    ORDER BY a.query_start";

fn holder(row: &Row) -> Holder {
    let mut holder = Holder::default();
    holder.pid = row.get(0);
    holder.application = row.get(1);
    holder.age = row.get::<_, Option<f64>>(2).and_then(|age| Duration::try_from_secs_f64(age).ok());
    holder.query = row.get::<_, Option<&str>>(3).map(|query| sql::redact(query).into_owned());
    holder
}

impl InDoubtStatement<'_> {
    /// Fails if this server's version must not run the statement.
    pub(super) fn check_server(&self) -> Result<(), Unsettled> {
        match self.refuses.and_then(|refusal| danger(refusal, self.context.session_info.server_version)) {
            Some(why) => Err(Unsettled::Unsafe { why }),
            None => Ok(()),
        }
    }
}

/// The reason why a server of this version must not run a statement.
fn danger(refusal: Refusal, server_version: i32) -> Option<String> {
    let builds = matches!(refusal, Refusal::CreateIndexConcurrently | Refusal::ReindexConcurrently);
    // Release notes of 14.4: "Prevent possible corruption of indexes created or rebuilt with the CONCURRENTLY option".
    (builds && (140_000..140_004).contains(&server_version)).then(|| {
        format!(
            "PostgreSQL 14.{} can corrupt indexes that are built concurrently; update the server to 14.4 or later",
            server_version % 10_000
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_not_built_concurrently_on_servers_that_corrupt_them() {
        let create = Refusal::CreateIndexConcurrently;
        for version in 140_000..=140_003 {
            let why = danger(create, version).unwrap();
            assert!(why.starts_with(&format!("PostgreSQL 14.{}", version - 140_000)), "{why}");
            assert!(danger(Refusal::ReindexConcurrently, version).is_some());
            assert_eq!(danger(Refusal::DropIndexConcurrently, version), None);
            assert_eq!(danger(Refusal::Vacuum, version), None);
        }
        for version in [130_022, 140_004, 140_023, 150_000, 180_001] {
            assert_eq!(danger(create, version), None, "{version}");
        }
    }
}
