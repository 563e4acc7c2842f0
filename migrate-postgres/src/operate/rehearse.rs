//! Running what is pending for real, and rolling it back.

use super::explain::first_line;
use super::taken::{TakenLock, Watch};
use super::units::Time;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::execute::{BEGIN, DEFERRED, Lookout, place, position, server_failure, timeouts, verify_within};
use crate::history::Survey;
use crate::lock::{IS_FREE, Key};
use crate::migrator::Migrator;
use crate::sql::answers::{Answers, is_true, text};
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;
use migrate_core::sql::TransactionMode;
use migrate_core::sql::{self, Control};
use migrate_core::{Script, Version};
use std::fmt;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;

/// What the pending migrations did before they were rolled back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The set.
    pub set: String,
    /// The steps that were rehearsed, in order; the last one as far as it came.
    pub steps: Vec<RehearsedStep>,
    /// Why it went no further, if it did not come to the end.
    pub stopped: Option<Stopped>,
    /// The names of the migrations that were not run, in order: what a run would go on with.
    pub left_out: Vec<String>,
    /// How long it took, and so how long the locks were held at most.
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
    /// The statements that were done, in order.
    pub statements: Vec<RehearsedStatement>,
}

/// One statement, rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RehearsedStatement {
    /// Its place in the script, from 1.
    pub number: usize,
    /// The line of its first token in the file, from 1.
    pub line: u32,
    /// Its text, secrets left out.
    pub text: String,
    /// How long it took, one round trip included.
    pub took: Duration,
    /// The locks that it took on what was there before, and that no earlier statement of the rehearsal held already.
    pub locks: Vec<TakenLock>,
    /// The relations that it rewrote, with their schemas: tables, and indexes that were built anew.
    pub rewritten: Vec<String>,
}

/// Why a rehearsal did not come to the end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stopped {
    /// A migration runs statement by statement, outside of any transaction: it and what comes after it were left out.
    Refuses {
        /// Its name.
        name: String,
        /// How many steps were left out, itself included.
        left_out: usize,
    },
    /// A migration uses a value that an earlier one adds to an enum, which takes a commit in between. It and what comes after
    /// it were left out.
    NeedsCommit {
        /// Its name.
        name: String,
        /// How many steps were left out, itself included.
        left_out: usize,
    },
    /// The time was up.
    TimeUp {
        /// The migration that was under way.
        name: String,
        /// How much time there was.
        limit: Duration,
    },
    /// A migration failed.
    Failed(Box<Failure>),
}

impl Migrator {
    /// Runs the pending migrations for real, in one transaction that is rolled back, and tells what each statement locked and
    /// rewrote and how long it took.
    ///
    /// Its locks are held until the end, so it stands in the way of others as long as it lasts: `limit` bounds all of it, and
    /// [`lock_timeout`](Migrator::lock_timeout) or the script's own each wait. It holds the migration lock meanwhile, and waits
    /// for nobody who has it. Nothing is left, except that sequences have moved on, that dead rows wait for `VACUUM`, and what
    /// scripts do outside of the database's transactions (files, other servers).
    ///
    /// Each migration finds the session as it finds it in a run: with the settings and the role of its beginning, its timeouts,
    /// constraints deferred that are initially so, and its verify script behind what was deferred. That all share a transaction shows
    /// in `now()`, and in temporary tables that a COMMIT would drop.
    ///
    /// Migrations that run statement by statement can't be rehearsed: the first of them and all that come after it are left
    /// out, which [`Rehearsal::stopped`] and [`Rehearsal::left_out`] say.
    ///
    /// # Errors
    ///
    /// See [`Error`]. That a migration fails is no error here: [`Stopped::Failed`] tells.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    /// use std::time::Duration;
    ///
    /// # async fn look(url: &str) -> Result<(), migrate_postgres::Error> {
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
        // Never unmarked: a pool does not get back what scripts have done to a session beyond its transaction.
        session.mark("ROLLBACK");
        let survey = Survey::take(&session, &self.settings).await?;
        let rehearsing = Rehearsing { migrator: self, session: &session, survey: &survey, started, limit };
        let rehearsed = rehearsing.run(&steps).await;
        let rolled_back = session.batch_execute("ROLLBACK").await;
        let rehearsal = rehearsed?;
        rolled_back.map_err(|source| Error::server("rolling back a rehearsal", source))?;
        Ok(rehearsal)
    }
}

/// Whether the session is in no transaction of its owner's, which our ROLLBACK would end.
async fn check_free(session: &Session<'_>) -> Result<(), Error> {
    let answer = session.simple_query(&format!("SELECT {IS_FREE}")).await.map_err(failed)?;
    let is_free = Answers::of(answer).next().first().is_some_and(|row| is_true(row, 0));
    if is_free { Ok(()) } else { Err(Error::InTransaction) }
}

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("rehearsing", source)
}

struct Rehearsing<'r, 's> {
    migrator: &'r Migrator,
    session: &'r Session<'s>,
    survey: &'r Survey,
    started: Instant,
    limit: Duration,
}

impl Rehearsing<'_, '_> {
    async fn run(&self, steps: &[Step<'_>]) -> Result<Rehearsal, Error> {
        let set = self.migrator.set().name();
        let begin = std::iter::once(BEGIN).chain(self.survey.conform).collect::<Vec<_>>().join("; ");
        self.session.batch_execute(&begin).await.map_err(failed)?;
        let key = Key::new(&self.migrator.settings, set);
        if !key.is_free(self.session).await.map_err(failed)? {
            return Err(Error::LockWait { waited: Duration::ZERO, holder: key.holder(self.session).await? });
        }
        let mut watch = Watch::begin(self.session).await.map_err(failed)?;
        let mut rehearsal = Rehearsal {
            set: set.to_owned(),
            steps: Vec::new(),
            stopped: None,
            left_out: Vec::new(),
            took: Duration::ZERO,
        };
        for (index, step) in steps.iter().enumerate() {
            let Some(script) = step.script() else { continue };
            if script.transaction() != TransactionMode::Block {
                let name = step.name.clone().into_owned();
                rehearsal.stopped = Some(Stopped::Refuses { name, left_out: steps.len() - index });
                rehearsal.left_out = names(&steps[index..]);
                break;
            }
            rehearsal.steps.push(RehearsedStep {
                version: step.version.clone(),
                name: step.name.clone().into_owned(),
                path: script.path().to_owned(),
                statements: Vec::new(),
            });
            let done = rehearsal.steps.last_mut().map(|step| &mut step.statements).expect("it was pushed");
            if let Err(stop) = self.step(step, script, &mut watch, done).await {
                let stopped = self.stopped(step, script, stop, steps.len() - index).await?;
                let is_left_out = matches!(stopped, Stopped::NeedsCommit { .. });
                rehearsal.left_out = names(&steps[index + usize::from(!is_left_out)..]);
                rehearsal.stopped = Some(stopped);
                break;
            }
        }
        rehearsal.took = self.started.elapsed();
        Ok(rehearsal)
    }

    async fn step(
        &self,
        step: &Step<'_>,
        script: &Script,
        watch: &mut Watch,
        done: &mut Vec<RehearsedStatement>,
    ) -> Result<(), Stop> {
        let begin = timeouts(self.survey, &self.migrator.settings, script.options(), true).join("; ");
        let mut answers =
            Answers::of(self.bounded(script, 0, &format!("{begin}; {INITIALLY_DEFERRED}")).await?);
        let names = answers.last();
        if let Some(names) = names.first().and_then(|row| text(row, 0)) {
            self.bounded(script, 0, &format!("SET CONSTRAINTS {names} DEFERRED")).await?;
        }
        for (index, statement) in script.statements().iter().enumerate() {
            // The rehearsal's transaction is begun, and is not to be committed.
            if statement.control().is_some_and(|control| control != Control::Code) {
                continue;
            }
            let text = statement.text(script.text());
            let began = Instant::now();
            self.bounded(script, index, text).await?;
            let took = began.elapsed();
            let looked = watch.look(self.session).await;
            let (locks, rewritten) = looked.map_err(|error| Stop::Server { index, error })?;
            let text = sql::redact(text).into_owned();
            done.push(RehearsedStatement {
                number: index + 1,
                line: statement.line(),
                text,
                took,
                locks,
                rewritten,
            });
        }
        let last = script.statements().len();
        // What a COMMIT would check, and what a verify script may count on.
        self.bounded(script, last, DEFERRED).await?;
        if let Some(verify) = step.verify {
            let mut before = timeouts(self.survey, &self.migrator.settings, verify.options(), true);
            before.push(self.bound(verify)?);
            verify_within(self.session, step, &before).await.map_err(Stop::Refuted)?;
        }
        let restore = self.survey.between_scripts().join("; ");
        self.bounded(script, last, &restore).await?;
        Ok(())
    }

    /// A setting that lets a statement of a script take what is left of the time, and a millisecond: who it cancels has had the
    /// limit. Or less, where the script or a run says so.
    fn bound(&self, script: &Script) -> Result<String, Stop> {
        let own = script.options().statement_timeout.unwrap_or(self.migrator.settings.statement_timeout);
        let left = match self.limit.saturating_sub(self.started.elapsed()).as_millis() {
            0 => return Err(Stop::TimeUp),
            left => (left + 1).min(i32::MAX as u128),
        };
        let time = if own.is_zero() { left } else { left.min(own.as_millis().max(1)) };
        Ok(format!("SET LOCAL statement_timeout = {time}"))
    }

    /// Sends a statement of a script, or what is around it, that may take what is left of the time.
    async fn bounded(
        &self,
        script: &Script,
        index: usize,
        statement: &str,
    ) -> Result<Vec<tokio_postgres::SimpleQueryMessage>, Stop> {
        let bound = self.bound(script)?;
        let stop = |error| Stop::Server { index, error };
        self.session.batch_execute(&bound).await.map_err(stop)?;
        self.session.simple_query(statement).await.map_err(stop)
    }

    async fn stopped(
        &self,
        step: &Step<'_>,
        script: &Script,
        stop: Stop,
        left_out: usize,
    ) -> Result<Stopped, Error> {
        let name = step.name.clone().into_owned();
        let (index, error) = match stop {
            Stop::TimeUp => return Ok(Stopped::TimeUp { name, limit: self.limit }),
            Stop::Refuted(failure) => return Ok(Stopped::Failed(failure)),
            Stop::Server { error, .. } if error.as_db_error().is_none() => return Err(failed(error)),
            Stop::Server { index, error } => (index, error),
        };
        if error.code() == Some(&SqlState::QUERY_CANCELED) && self.started.elapsed() >= self.limit {
            return Ok(Stopped::TimeUp { name, limit: self.limit });
        }
        if error.code() == Some(&SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE) {
            return Ok(Stopped::NeedsCommit { name, left_out });
        }
        let offset = script.statements().get(index).map(|statement| {
            let text = statement.text(script.text());
            let inside = position(&error).map_or(0, |position| sql::char_to_byte(text, position as usize));
            statement.range().start + inside
        });
        let is_contention = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
        let mut failure = Box::new(server_failure(step, Some(script), offset, error));
        failure.place = offset.map(|offset| place(script, offset));
        if is_contention {
            let waited = script.options().lock_timeout.unwrap_or(self.migrator.settings.lock_timeout);
            drop(self.session.batch_execute("ROLLBACK").await);
            failure.blockers = Lookout::new(Box::new(|| None), None).suspects(self.session, waited).await;
        }
        Ok(Stopped::Failed(failure))
    }
}

fn names(steps: &[Step<'_>]) -> Vec<String> {
    steps.iter().map(|step| step.name.clone().into_owned()).collect()
}

/// Constraints that a transaction begins with deferred: the check at the end of the step before has made them immediate.
const INITIALLY_DEFERRED: &str = "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') \
                        FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace \
                        WHERE c.condeferred";

/// Why a step went no further.
enum Stop {
    TimeUp,
    Refuted(Box<Failure>),
    Server { index: usize, error: tokio_postgres::Error },
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{} ({})", step.name, step.path)?;
            step.statements.iter().try_for_each(|statement| writeln!(f, "  {statement}"))?;
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
        write!(f, "line {}: {}: {}", self.line, first_line(&self.text), Time(self.took))?;
        self.locks.iter().try_for_each(|lock| write!(f, "\n    {lock}"))?;
        self.rewritten.iter().try_for_each(|relation| write!(f, "\n    {relation}: rewritten"))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Refuses { name, left_out } => write!(
                f,
                "{name} commits before its end and can't be rolled back: left out with what comes after it, \
                 {left_out} in all\nnext: apply what comes before it, or rehearse it on a copy"
            ),
            Stopped::NeedsCommit { name, left_out } => write!(
                f,
                "{name} uses an enum's value that an earlier migration adds, which has to be committed first: left out \
                 with what comes after it, {left_out} in all\nnext: apply what comes before it, or rehearse it on a copy"
            ),
            Stopped::TimeUp { name, limit } => write!(
                f,
                "the time of {} was up in {name}; nothing was changed\nnext: allow more time, or rehearse on a copy",
                Time(*limit)
            ),
            Stopped::Failed(failure) => write!(f, "it would fail: {failure}"),
        }
    }
}
