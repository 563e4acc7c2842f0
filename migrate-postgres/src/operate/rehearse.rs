//! Rehearsals: running pending migrations for real, and rolling them back.

use super::explain::first_line;
use super::taken::{TakenLock, Watch};
use crate::backfill::SampledBackfill;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::display::units::Time;
use crate::error::ApplyError;
use crate::error::Error;
use crate::execute::Rehearsed;
use crate::history::SessionInfo;
use crate::lock::Key;
use crate::migrator::Migrator;
use crate::sql::answers::{Answers, is_true};
use crate::sql::transaction::BEGIN;
use crate::sql::transaction::IS_FREE;
use migrate_core::advice::{Advice, Again, Explain, Left, NextStep, Setting};
use migrate_core::display::printable::Printable;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;
use migrate_core::sql;
use migrate_core::{Options, Script, Version};
use std::fmt;
use std::time::{Duration, Instant};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::error::SqlState;

/// The effects of the pending migrations before they were rolled back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The set.
    pub set: String,
    /// The rehearsed steps, in order; the last one as far as it got.
    pub steps: Vec<RehearsedStep>,
    /// The reason why it stopped early, if it did.
    pub stopped: Option<RehearsalStopped>,
    /// The names of the migrations that were not run, in order: where a run would continue.
    pub left_out: Vec<String>,
    /// The duration, which is also the longest that any lock was held.
    pub took: Duration,
}

/// One migration, rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RehearsedStep {
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The file, relative to the migration directory.
    pub path: String,
    /// The statements that ran, in order.
    pub statements: Vec<RehearsedStatement>,
    /// Sampled batches in place of its statement, if it is a backfill that a run would only begin.
    pub backfill: Option<SampledBackfill>,
}

/// One statement, rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RehearsedStatement {
    /// Its number in the script, from 1.
    pub number: usize,
    /// The line of its first token in the file, from 1.
    pub line: u32,
    /// Its text, without secrets.
    pub text: String,
    /// Its duration, one round trip included.
    pub took: Duration,
    /// The locks that it took on existing relations, unless an earlier statement of the rehearsal already
    /// held them.
    pub locks: Vec<TakenLock>,
    /// The relations that it rewrote, with their schemas: tables, and rebuilt indexes.
    pub rewritten: Vec<String>,
}

/// The reason why a rehearsal stopped early.
#[derive(Debug)]
#[non_exhaustive]
pub enum RehearsalStopped {
    /// A migration runs statement by statement, outside any transaction. It and all later ones were left out.
    Refuses {
        /// Its name.
        name: String,
        /// The number of steps left out, including this one.
        left_out: usize,
    },
    /// A migration uses an enum value that an earlier one adds, which requires a commit in between. It and
    /// all later ones were left out.
    NeedsCommit {
        /// Its name.
        name: String,
        /// The number of steps left out, including this one.
        left_out: usize,
    },
    /// The time limit was reached.
    TimeUp {
        /// The migration that was running.
        name: String,
        /// The limit.
        limit: Duration,
    },
    /// A migration failed.
    Failed(Box<Failure>),
}

impl Migrator {
    /// Runs the pending migrations for real in one transaction that is rolled back, and reports each
    /// statement's locks, rewrites and duration.
    ///
    /// Its locks are held until the end, so it blocks other sessions meanwhile: `limit` bounds the whole
    /// rehearsal, and [`lock_timeout`](Migrator::lock_timeout), or the script's own, each wait. It holds the
    /// migration lock, and does not wait for another holder. Nothing remains, except advanced sequences, dead
    /// rows that wait for `VACUUM`, and effects of scripts outside the database's transactions (files, other
    /// servers).
    ///
    /// Each migration starts with the session as in a run: with its initial settings and role, its timeouts,
    /// and initially deferred constraints deferred; its verify script runs after the deferred work. The
    /// shared transaction shows only in `now()`, and in temporary tables that a COMMIT would drop.
    ///
    /// A backfill that a run would only begin, because its table is large, is sampled: a few batches over the table, each
    /// rolled back, tell its time and its WAL: see [`RehearsedStep::backfill`]. Migrations that wait
    /// for it are left out, as a run leaves them for later.
    ///
    /// Migrations that run statement by statement can't be rehearsed. The first of them and all later ones
    /// are left out: see [`Rehearsal::stopped`] and [`Rehearsal::left_out`].
    ///
    /// # Errors
    ///
    /// See [`Error`]. A migration that fails is not an error here, but [`RehearsalStopped::Failed`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    /// use std::time::Duration;
    ///
    /// # async fn probe(url: &str) -> Result<(), migrate_postgres::Error> {
    /// let rehearsal = migrate!("tests/fixtures/quickstart").rehearse(url, Duration::from_secs(30)).await?;
    /// println!("{rehearsal}");
    /// assert!(rehearsal.stopped.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn rehearse<T: Target + ?Sized>(
        &self,
        target: &T,
        limit: Duration,
    ) -> Result<Rehearsal, Error> {
        let steps = self.plan(target).await?.steps;
        let mut session = target.open().await?;
        let started = Instant::now();
        check_free(&session).await?;
        // Stays marked: scripts may have changed the session beyond its transaction, so a pool must not get
        // it back.
        session.mark("ROLLBACK");
        let session_info = SessionInfo::take(&session, &self.settings).await?;
        let rehearsed = self.rehearse_in(&session, &session_info, &steps, started, limit).await;
        let rolled_back = session.batch_execute("ROLLBACK").await;
        let rehearsal = rehearsed?;
        rolled_back.map_err(|source| Error::server("rolling back a rehearsal", source))?;
        Ok(rehearsal)
    }

    /// Rehearses steps in a transaction that this function begins.
    async fn rehearse_in(
        &self,
        session: &Session<'_>,
        session_info: &SessionInfo,
        steps: &[Step<'_>],
        started: Instant,
        limit: Duration,
    ) -> Result<Rehearsal, Error> {
        let set = self.set().name();
        let no_timeouts = session_info.no_timeouts();
        let ours = no_timeouts.iter().map(String::as_str).chain(session_info.conform);
        let begin = std::iter::once(BEGIN).chain(ours).collect::<Vec<_>>().join("; ");
        session.batch_execute(&begin).await.map_err(failed)?;
        let key = Key::new(&self.settings, set);
        if !key.is_free(session).await.map_err(failed)? {
            return Err(Error::LockWait { waited: Duration::ZERO, holder: key.holder(session).await? });
        }
        let watch = Watch::begin(session).await.map_err(failed)?;
        let timeout = self.settings.statement_timeout;
        let mut rehearsing = Rehearsing { done: Vec::new(), watch, started, limit, timeout };
        let (stopped, left_out) = self.rehearse_steps(session, session_info, steps, &mut rehearsing).await?;
        Ok(Rehearsal {
            set: set.to_owned(),
            steps: rehearsing.done,
            stopped,
            left_out,
            took: started.elapsed(),
        })
    }
}

/// Refuses a session in its owner's transaction, which our ROLLBACK would end.
async fn check_free(session: &Session<'_>) -> Result<(), Error> {
    let answer = session.simple_query(&format!("SELECT {IS_FREE}")).await.map_err(failed)?;
    let is_free = Answers::of(answer).next().first().is_some_and(|row| is_true(row, 0));
    if is_free { Ok(()) } else { Err(Error::InTransaction) }
}

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("rehearsing", source)
}

/// A rehearsal in progress.
pub(super) struct Rehearsing {
    done: Vec<RehearsedStep>,
    watch: Watch,
    started: Instant,
    limit: Duration,
    /// The limit of a statement whose script sets none.
    timeout: Duration,
}

impl Rehearsed for Rehearsing {
    fn began(&mut self, step: &Step<'_>, path: &str) {
        self.done.push(RehearsedStep {
            version: step.version.clone(),
            name: step.name.clone().into_owned(),
            path: path.to_owned(),
            statements: Vec::new(),
            backfill: None,
        });
    }

    /// A statement timeout of the remaining time plus a millisecond, so that a canceled statement has
    /// certainly used up the limit. Shorter if the script or the run says so.
    fn bound(&self, options: &Options) -> Option<String> {
        let own = options.statement_timeout.unwrap_or(self.timeout);
        let left = self.limit.saturating_sub(self.started.elapsed()).as_millis();
        let left = (left > 0).then(|| (left + 1).min(i32::MAX as u128))?;
        let time = if own.is_zero() { left } else { left.min(own.as_millis().max(1)) };
        Some(format!("SET LOCAL statement_timeout = {time}"))
    }

    fn done(&mut self, script: &Script, index: usize, took: Duration, found: Vec<SimpleQueryRow>) {
        let (locks, rewritten) = self.watch.changes(&found);
        let statement = script.statements().at(index);
        let text = sql::redact(statement.text(script.text())).into_owned();
        let (number, line) = (index + 1, statement.line());
        let done = RehearsedStatement { number, line, text, took, locks, rewritten };
        if let Some(step) = self.done.last_mut() {
            step.statements.push(done);
        }
    }

    fn ran(&mut self, took: Duration, found: Vec<SimpleQueryRow>) {
        let (locks, rewritten) = self.watch.changes(&found);
        let text = "all statements of the Rust code".to_owned();
        let done = RehearsedStatement { number: 1, line: 1, text, took, locks, rewritten };
        if let Some(step) = self.done.last_mut() {
            step.statements.push(done);
        }
    }
}

impl Rehearsing {
    /// The batches of the last step that began were sampled.
    pub(super) fn sampled(&mut self, sampled: SampledBackfill) {
        if let Some(step) = self.done.last_mut() {
            step.backfill = Some(sampled);
        }
    }

    /// The reason why it stopped, and the first step that was not run.
    pub(super) fn stopped(
        &self,
        error: ApplyError,
        steps: &[Step<'_>],
    ) -> Result<(Option<RehearsalStopped>, usize), Error> {
        let failure = error.into_failure()?;
        let place = steps.iter().position(|step| step.version == failure.version).unwrap_or_default();
        let (name, limit) = (failure.name.clone(), self.limit);
        let is = |code: SqlState| failure.code.as_deref() == Some(code.code());
        Ok(if is(SqlState::QUERY_CANCELED) && self.started.elapsed() >= limit {
            (Some(RehearsalStopped::TimeUp { name, limit }), place + 1)
        } else if is(SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE) {
            (Some(RehearsalStopped::NeedsCommit { name, left_out: steps.len() - place }), place)
        } else {
            (Some(RehearsalStopped::Failed(failure)), place + 1)
        })
    }
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        for step in &self.steps {
            writeln!(f, "{} ({})", step.name, step.path)?;
            step.statements.iter().try_for_each(|statement| writeln!(f, "  {statement}"))?;
            step.backfill.iter().try_for_each(|sampled| writeln!(f, "  {sampled}"))?;
        }
        write!(f, "rolled back after {}", Time(self.took))?;
        if let Some(stopped) = &self.stopped {
            write!(f, "\n{stopped}")?;
        }
        if self.left_out.is_empty() {
            Ok(())
        } else {
            write!(f, "\nnot rehearsed: {}", self.left_out.join(", "))
        }
    }
}

impl fmt::Display for RehearsedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "line {}: {}: {}", self.line, first_line(&self.text), Time(self.took))?;
        self.locks.iter().try_for_each(|lock| write!(f, "\n    {lock}"))?;
        self.rewritten.iter().try_for_each(|relation| write!(f, "\n    {relation}: rewritten"))
    }
}

impl fmt::Display for RehearsalStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", migrate_core::advice::explained(self, migrate_core::advice::Words::Library))
    }
}

impl Explain for RehearsalStopped {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            RehearsalStopped::Refuses { name, left_out } => write!(
                f,
                "{name} commits before its end and can't be rolled back; it and everything after it were left out \
                 ({left_out} in all)"
            ),
            RehearsalStopped::NeedsCommit { name, left_out } => write!(
                f,
                "{name} uses an enum value that an earlier migration adds, which must be committed first; it and everything \
                 after it were left out ({left_out} in all)"
            ),
            RehearsalStopped::TimeUp { name, limit } => {
                write!(f, "the rehearsal exceeded its limit of {} in {name}", Time(*limit))
            }
            RehearsalStopped::Failed(failure) => {
                f.write_str("it would fail: ")?;
                failure.fact(f)
            }
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    /// A rehearsal changes nothing, however it stops; the report around it says so.
    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        if let RehearsalStopped::TimeUp { .. } = self { write!(f, "; {}", self.left()) } else { Ok(()) }
    }

    fn advice(&self) -> Advice {
        let on_a_copy = NextStep::fix("rehearse on a copy");
        match self {
            RehearsalStopped::Refuses { .. } | RehearsalStopped::NeedsCommit { .. } => {
                Advice::fix("apply the migrations before it").or(NextStep::fix("rehearse it on a copy"))
            }
            RehearsalStopped::TimeUp { .. } => {
                Advice::of(NextStep::set(Setting::RehearsalLimit, "allow more time")).or(on_a_copy)
            }
            RehearsalStopped::Failed(failure) => failure.remedy().then(NextStep::Again(Again::Rehearsal)),
        }
    }
}
