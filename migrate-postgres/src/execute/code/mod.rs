//! Rust code: a migration's functions, in one transaction with its row in the history. Code that asks for no transaction is
//! claimed and completed as scripts are that are committed in parts (`stepwise`), and is called here, too.

mod call;
mod failure;

use super::blockers::BlockerMonitor;
use super::failure::server_failure;
use super::history_error::{is_contention, record_failure};
use super::limits::{Limits, over_limit};
use super::message::{Message, Purpose};
use super::mode::Mode;
use super::verify::verify;
use super::watch::{At, PID, Pid, Underway, watch};
use super::{Context, around_script};
use crate::code::{CodeFunction, CodeRecord, Functions};
use crate::error::{ApplyError, Error};
use crate::history::HistoryCursor;
use crate::sql::answers;
use crate::sql::transaction::{BEGIN, DEFERRED};
use call::{Call, Surrounding, new_failure};
use failure::transaction_ended;
use futures_util::StreamExt as _;
use migrate_core::advice::Left;
use migrate_core::engine::Progress;
use migrate_core::engine::error::Failure;
use migrate_core::plan::{Action, Refused, Step};
use migrate_core::{Code, Options};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

pub(super) use call::call_alone;

/// Applies a step whose code runs in one transaction.
///
/// `standing` follows its commit. If the step is the `last_of_run`, its end is the history's.
pub(crate) async fn apply_code(
    context: Context<'_>,
    (step, code): (&Step<'_>, &Code),
    last_of_run: bool,
    mode: Mode<'_>,
    standing: &mut HistoryCursor,
    progress: &mut Progress<'_>,
    monitor: &mut BlockerMonitor<'_>,
) -> Result<(), ApplyError> {
    let functions = functions(step, code).map_err(Error::into_apply)?;
    progress.step_started(step);
    let limits = if mode.commits() { Limits::of_step(context.settings, progress) } else { Limits::default() };
    let mut run = CodeRun {
        context,
        step,
        code,
        last_of_run,
        mode,
        standing: *standing,
        limits,
        sent: Instant::now(),
        record: CodeRecord::default(),
        transaction: String::new(),
        pid: Pid::default(),
    };
    run.begin(progress.is_observed()).await?;
    let took = match run.work(functions, progress, monitor).await {
        Ok(took) => took,
        Err(stopped) => return Err(run.stop(stopped, progress, monitor).await),
    };
    if run.mode.records() {
        *standing = standing.after(step);
        monitor.count(standing.last_row, progress);
    }
    progress.step_done(step, took);
    Ok(())
}

/// The compiled functions of a step.
pub(super) fn functions(step: &Step<'_>, code: &Code) -> Result<Functions, Error> {
    let compiled = code.functions().and_then(|functions| functions.get::<Functions>().copied());
    compiled.ok_or_else(|| {
        let migrations = vec![(step.name.clone().into_owned(), code.path().to_owned())];
        Error::from(Refused::CodeMissing { migrations })
    })
}

/// The function of a step.
pub(super) fn function(step: &Step<'_>, functions: Functions) -> Option<CodeFunction> {
    if step.action == Action::Revert { functions.down } else { Some(functions.up) }
}

/// The function that verifies a step.
pub(super) fn verifier(step: &Step<'_>, functions: Functions) -> Option<CodeFunction> {
    functions.verify.filter(|_| step.action == Action::Apply)
}

/// The message about a step that has no function.
const NO_FUNCTION: &str = "the code has no function for this direction";

struct CodeRun<'r, 'c> {
    context: Context<'c>,
    step: &'r Step<'r>,
    code: &'r Code,
    last_of_run: bool,
    mode: Mode<'r>,
    /// The position in the history before the step.
    standing: HistoryCursor,
    /// The time left of the limits when the step was begun.
    limits: Limits,
    sent: Instant,
    record: CodeRecord,
    /// The id of the transaction.
    transaction: String,
    pid: Pid,
}

/// The reason why a step was not completed.
pub(super) enum CodeStopped {
    /// It failed.
    Failed(Box<Failure>),
    /// Another session was in the way, and a retry may succeed.
    Contended(Box<Failure>),
    /// The connection broke; the commit may have come through.
    Lost(Error),
}

impl CodeRun<'_, '_> {
    /// Begins the step's row, and then its transaction. The row ends in that transaction, behind the code: if the code ended the
    /// transaction in spite of everything, the row would not say that it is done.
    async fn begin(&mut self, is_observed: bool) -> Result<(), ApplyError> {
        let context = &self.context;
        let mut message = Vec::new();
        if self.mode.records() && context.table.has_marker(self.step) {
            message.extend([BEGIN.to_owned(), "SET LOCAL synchronous_commit = off".to_owned()]);
            message.extend(context.timeouts(&Options::NONE, true));
            message.extend(context.table.marker(context.run, self.standing, self.step));
            message.push("COMMIT".to_owned());
        }
        message.extend(self.mode.commits().then(|| BEGIN.to_owned()));
        message.extend(context.timeouts(&self.limits.bound(self.step.options(), context.settings), true));
        if self.mode.records() && !context.table.has_marker(self.step) {
            message.extend(self.row());
        }
        message.push(TRANSACTION.to_owned());
        message.push(PID.to_owned());
        let answer = match answers::simple_query(context.client, &message.join(";\n")).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.not_begun(error).await),
        };
        let mut rows = answer.iter().rev().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        self.pid.set(rows.next().and_then(|pid| pid.parse().ok()).filter(|_| is_observed));
        self.transaction = rows.next().unwrap_or_default().to_owned();
        Ok(())
    }

    /// The statements that write the step's row, as one that is done when its transaction commits.
    fn row(&self) -> Vec<String> {
        let Context { table, run, session_info, .. } = self.context;
        let digest = self.step.digest_after(self.standing.digest);
        let mut record = table.begin(run, self.standing.last_row + 1, self.step, digest);
        if !table.has_marker(self.step) {
            record.splice(..0, table.interrupted(run.set, self.standing));
        }
        record.extend(session_info.head.as_ref().map(|head| head.clear(run.set)));
        record
    }

    async fn not_begun(&self, error: tokio_postgres::Error) -> ApplyError {
        drop(self.context.client.batch_execute("ROLLBACK").await);
        if error.as_db_error().is_none() {
            return Error::server("applying migrations", error).into_apply();
        }
        if is_contention(&error) {
            return ApplyError::Contended(Box::new(server_failure(self.step, None, None, error)));
        }
        record_failure(&self.context, self.step, error)
    }

    /// Calls the functions, lets deferred work happen, verifies, and commits.
    async fn work(
        &mut self,
        functions: Functions,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<Duration, CodeStopped> {
        let Some(function) = function(self.step, functions) else {
            return Err(self.stopped(self.failure(NO_FUNCTION)));
        };
        if let Some(rehearsed) = self.mode.rehearsed() {
            rehearsed.began(self.step, self.code.path());
        }
        self.call(function, progress, monitor).await?;
        self.inspect().await?;
        let mut is_verified = false;
        if let Some(verify) = verifier(self.step, functions) {
            self.end(vec![(Purpose::Deferred, vec![DEFERRED.to_owned()])]).await?;
            is_verified = true;
            self.call(verify, progress, monitor).await?;
        }
        if self.step.verify.is_some() {
            self.end(vec![(Purpose::Deferred, vec![DEFERRED.to_owned()])]).await?;
            is_verified = true;
            let (bound, limits) = (self.bound(), self.limits.after(self.sent.elapsed()));
            let underway = Underway { step: self.step, at: At::Around };
            let verifying = verify(&self.context, self.step, bound, limits);
            let verified = watch(verifying, underway, &self.pid, monitor, progress).await;
            verified.map_err(CodeStopped::Failed)?;
        }
        self.commit(is_verified).await
    }

    /// Tells a rehearsal what the code has done.
    async fn inspect(&mut self) -> Result<(), CodeStopped> {
        let Some(inspect) = self.context.inspect.filter(|_| !self.mode.commits()) else { return Ok(()) };
        let took = self.sent.elapsed();
        let found = answers::simple_query(self.context.client, inspect.behind).await;
        let found = found.map_err(|error| self.at_end(Purpose::Inspect, error))?;
        let found = found.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        if let Some(rehearsed) = self.mode.rehearsed() {
            rehearsed.ran(took, found.collect());
        }
        Ok(())
    }

    /// Ends the step: its row, and its transaction.
    async fn commit(&self, is_verified: bool) -> Result<Duration, CodeStopped> {
        let Context { table, run, session_info, inspect, .. } = self.context;
        let mut parts = Vec::new();
        if !is_verified {
            parts.push((Purpose::Deferred, vec![DEFERRED.to_owned()]));
        }
        parts.extend(
            inspect.and_then(|inspect| inspect.at_end).map(|end| (Purpose::Inspect, vec![end.to_owned()])),
        );
        let mut session: Vec<String> =
            session_info.between_scripts().into_iter().map(str::to_owned).collect();
        session.extend(session_info.no_timeouts());
        parts.push((Purpose::Finish, session));
        if self.mode.commits() {
            parts.push((Purpose::Guard, vec![self.is_same_transaction()]));
        }
        match self.mode {
            Mode::Record | Mode::Begin(_) => {
                if table.has_marker(self.step) {
                    parts.push((Purpose::Record, self.row()));
                }
                let row = self.standing.last_row + 1;
                let finish = table.finish(run, row, self.step, self.last_of_run);
                let head = session_info.head.as_ref().filter(|_| self.last_of_run);
                parts.push((
                    Purpose::Finish,
                    std::iter::once(finish).chain(head.map(|head| head.write(run.set))).collect(),
                ));
                parts.push((Purpose::Commit, vec!["COMMIT".to_owned()]));
            }
            Mode::Commit => parts.push((Purpose::Commit, vec!["COMMIT".to_owned()])),
            Mode::RollBack(_) => {}
        }
        let rows = self.end(parts).await?;
        if !self.mode.commits() {
            self.defer_again().await?;
        }
        let took = rows.iter().rev().find_map(|text| text.parse::<f64>().ok());
        Ok(took
            .and_then(|took| Duration::try_from_secs_f64(took).ok())
            .unwrap_or_else(|| self.sent.elapsed()))
    }

    /// Constraints that a transaction begins with deferred are deferred again for the next step of a rehearsal.
    async fn defer_again(&self) -> Result<(), CodeStopped> {
        let failed = |error| self.at_end(Purpose::Constraints, error);
        let answer = answers::simple_query(self.context.client, super::batch::INITIALLY_DEFERRED)
            .await
            .map_err(failed)?;
        let constraints = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let Some(constraints) = constraints else { return Ok(()) };
        let defer = format!("SET CONSTRAINTS {constraints} DEFERRED");
        self.context.client.batch_execute(&defer).await.map_err(failed)
    }

    /// A query that fails, by a division by zero, in another transaction than the one that was begun.
    fn is_same_transaction(&self) -> String {
        format!("SELECT 1 / ({CURRENT} = '{}')::int", self.transaction)
    }

    /// Sends statements of ours behind the code; returns the first value of each row.
    async fn end(&self, parts: Vec<(Purpose, Vec<String>)>) -> Result<Vec<String>, CodeStopped> {
        let mut message = Message::default();
        parts.iter().for_each(|(purpose, statements)| message.push(0, *purpose, statements));
        let (mut done, mut rows) = (0, Vec::new());
        let outcome = async {
            let mut answers = pin!(answers::send(self.context.client, message.text()).await?);
            while let Some(answer) = answers.next().await {
                match answer? {
                    SimpleQueryMessage::Row(row) => rows.extend(row.get(0).map(str::to_owned)),
                    SimpleQueryMessage::CommandComplete(_) => done += 1,
                    _ => {}
                }
            }
            Ok(())
        };
        let outcome: Result<(), tokio_postgres::Error> = outcome.await;
        match outcome {
            Ok(()) => Ok(rows),
            Err(error) => {
                let purpose = message.purpose(done).unwrap_or(Purpose::Finish);
                Err(self.at_end(purpose, error))
            }
        }
    }

    /// An error of a statement of ours behind the code.
    fn at_end(&self, purpose: Purpose, error: tokio_postgres::Error) -> CodeStopped {
        if purpose == Purpose::Guard && error.code() == Some(&SqlState::DIVISION_BY_ZERO) {
            return self.stopped(transaction_ended(self.failure(""), self.code.path(), &self.record));
        }
        if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) {
            let refused = self.record.refused().unwrap_or_default();
            let message = format!(
                "the code returned without an error, but one of its statements had failed: {refused}"
            );
            return self.stopped(self.failure(&message));
        }
        if error.as_db_error().is_none() {
            return CodeStopped::Lost(Error::server("applying migrations", error));
        }
        let is_contended = is_contention(&error);
        let mut failure = server_failure(self.step, None, None, error);
        failure.is_code = true;
        let place = around_script(purpose, self.code.path());
        failure.context = Some(match failure.context.take() {
            Some(context) => format!("{place}\n{context}"),
            None => place,
        });
        let failure = Box::new(failure);
        if is_contended { CodeStopped::Contended(failure) } else { CodeStopped::Failed(failure) }
    }

    /// Calls a function of the migration in its transaction.
    async fn call(
        &self,
        function: CodeFunction,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), CodeStopped> {
        let is_limited = !self.limits.is_off() || !self.mode.commits();
        let limit = || self.bound().unwrap_or_default();
        let limit: Option<&(dyn Fn() -> String + Sync)> = if is_limited { Some(&limit) } else { None };
        let call = Call {
            context: &self.context,
            step: self.step,
            code: self.code,
            limits: self.limits.after(self.sent.elapsed()),
            record: &self.record,
            pid: &self.pid,
        };
        call.run(function, Surrounding::Transaction { limit }, progress, monitor).await
    }

    /// The setting of what is left of the time, where it is limited.
    fn bound(&self) -> Option<String> {
        match &self.mode {
            // Nothing is left: what comes next is canceled at once.
            Mode::RollBack(rehearsed) => Some(
                rehearsed
                    .bound(self.step.options())
                    .unwrap_or_else(|| "SET LOCAL statement_timeout = 1".to_owned()),
            ),
            Mode::Record | Mode::Begin(_) | Mode::Commit if self.limits.is_off() => None,
            Mode::Record | Mode::Begin(_) | Mode::Commit => Some(call::statement_timeout(
                &self.context,
                self.step,
                self.limits.after(self.sent.elapsed()),
                true,
            )),
        }
    }

    fn failure(&self, message: &str) -> Failure {
        new_failure(self.step, message)
    }

    fn stopped(&self, failure: Failure) -> CodeStopped {
        CodeStopped::Failed(Box::new(failure))
    }

    /// Rolls back, and leaves a trace of the failure. That it can't be left is no reason to hide the failure itself.
    async fn stop(
        &self,
        stopped: CodeStopped,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> ApplyError {
        let is_contended = matches!(stopped, CodeStopped::Contended(_));
        let mut failure = match stopped {
            CodeStopped::Failed(failure) | CodeStopped::Contended(failure) => failure,
            CodeStopped::Lost(error) => {
                drop(self.context.client.batch_execute("ROLLBACK").await);
                return error.into_apply();
            }
        };
        if let Some(cause) = self.limits.after(self.sent.elapsed()).passed().filter(|_| is_canceled(&failure))
        {
            over_limit(&mut failure, cause, self.context.settings);
        }
        let Context { client, table, run, session_info, .. } = self.context;
        if failure.left == Left::Code {
            // What the code has set is committed, and decides how the server reads what comes next.
            drop(client.batch_execute("ROLLBACK").await);
            drop(client.batch_execute(&session_info.between_scripts().join("; ")).await);
        }
        if self.mode.records() {
            if table.has_marker(self.step) {
                monitor.count(self.standing.last_row + 1, progress);
            }
            let failed = table.failed(run, self.standing, self.step, &failure);
            let head = session_info.head.as_ref().map(|head| head.write(run.set)).unwrap_or_default();
            let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
            let trace = format!("ROLLBACK; {BEGIN}; {timeouts}; {failed}; {head}; COMMIT");
            if client.batch_execute(&trace).await.is_err() {
                drop(client.batch_execute("ROLLBACK").await);
            }
        } else {
            drop(client.batch_execute("ROLLBACK").await);
        }
        if is_contended {
            let waited = self.step.options().lock_timeout.unwrap_or(self.context.settings.lock_timeout);
            failure.blockers = monitor.suspects(client, waited).await;
            return ApplyError::Contended(failure);
        }
        ApplyError::Failed(failure)
    }
}

fn is_canceled(failure: &Failure) -> bool {
    failure.code.as_deref() == Some(SqlState::QUERY_CANCELED.code())
}

/// The id of the current transaction.
const CURRENT: &str = "pg_catalog.pg_current_xact_id()::pg_catalog.text";

/// A query for it.
const TRANSACTION: &str = "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text";
