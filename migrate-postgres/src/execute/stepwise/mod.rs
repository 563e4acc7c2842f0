//! A step that is committed in parts, with a checkpoint after each: the script's own transactions, or its statements.

mod bare;
mod block;
mod claim;
mod code;
mod stop;

use super::Context;
use super::blockers::BlockerMonitor;
use super::code::functions;
use super::limits::Limits;
use super::recovery::Before;
use super::verify::verify_committed;
use super::watch::{At, Pid, Underway, watch};
use crate::error::{ApplyError, Error};
use crate::history::HistoryCursor;
use claim::ClaimedRow;
use migrate_core::engine::Progress;
use migrate_core::history::Interrupted;
use migrate_core::plan::Step;
use migrate_core::sql::{self, Unit};
use migrate_core::{Code, Payload, Script, TransactionMode};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use stop::StatementStopped;
use tokio_postgres::error::SqlState;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// Applies a step that is not one transaction: claims its version, runs one unit after another, and moves the
/// checkpoint with each, in the same transaction if the unit allows that.
///
/// An interrupted attempt is taken over and resumes at its checkpoint. If the step is the `last_of_run`, its
/// end is the history's.
pub(crate) async fn apply_statements(
    context: Context<'_>,
    step: &Step<'_>,
    interrupted: Option<&Interrupted>,
    last_of_run: bool,
    standing: &mut HistoryCursor,
    progress: &mut Progress<'_>,
    monitor: &mut BlockerMonitor<'_>,
) -> Result<(), ApplyError> {
    // Code has no statements to go through; its header says what else a script would.
    let code = step.payload.as_ref().and_then(Payload::code);
    let header = code.map(Code::header);
    let Some(script) = step.script().or(header.as_ref()) else { return Ok(()) };
    check_checkpoints(context, step, script).map_err(Error::into_apply)?;
    if let Some(code) = code {
        // Before its row says that it has begun.
        functions(step, code).map_err(Error::into_apply)?;
    }
    progress.step_started(step);
    // Of another text of the script; in a second try it is an attempt of this one.
    let corrected = step.settles.filter(|settled| interrupted.is_some_and(|i| i.row == settled.row));
    let resumed = interrupted.filter(|_| corrected.is_none());
    let done = interrupted.map_or(0, |interrupted| interrupted.statements_done);
    let units = script.units();
    let is_setting = |at: usize| sql::is_session_setting(script.statements().at(at).text(script.text()));
    let mut run = StepwiseStatements {
        limits: Limits::default(),
        said: None,
        sent: Instant::now(),
        context,
        step,
        script,
        standing: *standing,
        taken: ClaimedRow::of(resumed),
        wrong: interrupted.filter(|_| corrected.is_some()).and_then(failed_statement),
        is_watched: progress.is_observed(),
        sets: (0..script.statements().len()).any(is_setting),
        carried: Mutex::default(),
        pid: Pid::default(),
    };
    let mut before = match interrupted {
        None => Before::Nothing,
        Some(interrupted) if interrupted.failed => Before::Failed,
        Some(_) => Before::Unknown,
    };
    if resumed.is_none() {
        run.claim(corrected, done).await?;
    }
    for unit in units.iter().filter(|unit| unit.statements().end > done) {
        let unit = unit.rest(done, script.statements());
        let Range { start, end } = unit.statements();
        (run.limits, run.sent) = (Limits::of_step(context.settings, progress), Instant::now());
        if let Some(cause) = run.limits.passed() {
            return Err(run.stop(start, StatementStopped::OverLimit(cause)).await);
        }
        progress.statement_started(step, start + 1, run.pid.get());
        if let Err(stopped) = run.take(&unit, before, progress, monitor).await {
            run.said = monitor.said(progress);
            return Err(run.stop(start, stopped).await);
        }
        before = Before::Nothing;
        // The server reports a transaction at its end, so the time of each statement is unknown.
        let took = (end == start + 1).then(|| monitor.age());
        (start..end).for_each(|index| progress.statement_done(step, index + 1, took, true));
    }
    if let Some(code) = code {
        run.call(code, before, progress, monitor).await?;
        before = Before::Nothing;
    }
    let total = script.statements().len();
    if let Err(stopped) = run.take_over(total, before).await {
        return Err(run.stop(total, stopped).await);
    }
    let underway = Underway { step, at: At::Around };
    let limits = Limits::of_step(context.settings, progress);
    let verified =
        watch(verify_committed(&context, step, limits), underway, &run.pid, monitor, progress).await;
    if let Err(failure) = verified {
        run.said = monitor.said(progress);
        return Err(run.refuted(failure).await);
    }
    let took = match run.complete(*standing, last_of_run).await {
        Ok(took) => took,
        Err(stopped) => return Err(run.stop(total, stopped).await),
    };
    *standing = HistoryCursor { last_row: run.row(), ..standing.after(step) };
    monitor.count(run.row(), progress);
    progress.step_done(step, took);
    Ok(())
}

/// Another tool's table may have no place for how far a script has come, nor may there be one beside it: then the script may have
/// one unit only, settings aside.
fn check_checkpoints(context: Context<'_>, step: &Step<'_>, script: &Script) -> Result<(), Error> {
    let is_setting = |at: usize| sql::is_session_setting(script.statements().at(at).text(script.text()));
    let units = script.units();
    let statements = units.iter().filter(|unit| !unit.statements().all(is_setting)).count();
    if statements <= 1 || context.table.has_checkpoints(step) {
        return Ok(());
    }
    Err(Error::NoCheckpoints {
        name: step.name.clone().into_owned(),
        table: context.table.shown(),
        statements,
    })
}

struct StepwiseStatements<'r, 'c> {
    context: Context<'c>,
    step: &'r Step<'r>,
    script: &'r Script,
    /// The position in the history before the step.
    standing: HistoryCursor,
    /// The row that stands for the step.
    taken: ClaimedRow,
    /// The statement that failed in another text of the script, which this one corrects.
    wrong: Option<String>,
    /// True if an observer follows the run.
    is_watched: bool,
    /// True if one of its statements is a setting of the session.
    sets: bool,
    /// The settings that code has made for the session, each with the number of its statement.
    carried: Mutex<Vec<(usize, Vec<String>)>>,
    /// The time left of the limits when the current unit was begun.
    limits: Limits,
    sent: Instant,
    /// The number of notices and warnings, if messages are received.
    said: Option<(u32, u32)>,
    pid: Pid,
}

impl StepwiseStatements<'_, '_> {
    /// The byte that a statement begins at.
    fn start(&self, index: usize) -> usize {
        self.script.statements().get(index).map_or(0, |statement| statement.range().start)
    }

    /// Returns the settings that the statements before one have made for the session, by their text or in
    /// code. They are set again for each unit and undone after it: the checkpoint must not be written under
    /// them, a run that resumes after a crash has another session, and so has each unit behind a transaction
    /// pooler.
    fn settings_before(&self, index: usize) -> Vec<String> {
        let written = |index: usize| if self.sets { self.script.settings_before(index) } else { Vec::new() };
        let mut settings: Vec<String> = written(index).into_iter().map(str::to_owned).collect();
        let carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, set) in carried.iter().rev().filter(|(code, _)| *code < index) {
            let place = written(*code).len();
            settings.splice(place..place, set.iter().cloned());
        }
        settings
    }

    /// Sets the session for a statement that is sent alone.
    ///
    /// There is no lock timeout unless the script asks for one: it would fire inside `CREATE INDEX CONCURRENTLY` too, and
    /// leave an INVALID index behind.
    fn enter(&self, index: usize) -> String {
        let mut options = self.limits.bound(self.script.options(), self.context.settings);
        options.lock_timeout.get_or_insert(Duration::ZERO);
        let timeouts = self.context.timeouts(&options, false).join("\n;\n");
        let settings = self.settings_before(index);
        // The script may have set another timeout.
        let limit = (!settings.is_empty() && !self.limits.is_off()).then(|| self.limits.query(false));
        std::iter::once(timeouts).chain(settings).chain(limit).collect::<Vec<_>>().join("\n;\n")
    }

    /// Restores the session.
    fn leave(&self) -> String {
        self.context.session_info.between_scripts().join(";\n")
    }

    /// Runs a unit and moves the checkpoint past it.
    async fn take(
        &self,
        unit: &Unit,
        before: Before,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), StatementStopped> {
        let Range { start, end } = unit.statements();
        let since = self.checkpoint_transaction(before).await?;
        if unit.is_bare() {
            return self.take_bare(start, Try { before, since }, progress, monitor).await;
        }
        self.take_over(start, before).await?;
        let at = if end == start + 1 { At::Statement(end) } else { At::Somewhere };
        let underway = Underway { step: self.step, at };
        let records = unit.can_record();
        let ran = watch(self.run_in_block(unit, records), underway, &self.pid, monitor, progress).await;
        match ran {
            Err(StatementStopped::ReadOnly(_)) if records => {
                self.restore("").await;
                watch(self.run_in_block(unit, false), underway, &self.pid, monitor, progress).await
            }
            // Nothing was done: it is one of those whose text does not tell that they refuse a block.
            Err(StatementStopped::Server { error, .. }) if self.may_go_bare(unit, &error) => {
                self.restore("").await;
                self.take_bare(start, Try { before, since }, progress, monitor).await
            }
            ran => ran,
        }
    }

    /// True if a statement that the server has refused in our transaction block can be sent alone.
    fn may_go_bare(&self, unit: &Unit, error: &tokio_postgres::Error) -> bool {
        error.code() == Some(&SqlState::ACTIVE_SQL_TRANSACTION)
            && unit.statements().len() == 1
            && unit.opening().is_empty()
            && self.script.transaction() == TransactionMode::None
    }

    /// Sends a message of ours.
    async fn send(&self, message: &str) -> Result<(), StatementStopped> {
        self.context.client.batch_execute(message).await.map_err(|error| self.stopped(error, None))
    }

    /// Sends a message whose first row is the pid of the server process; it is kept if an observer follows the run.
    async fn hear(&self, message: &str) -> Result<Option<SimpleQueryRow>, tokio_postgres::Error> {
        Ok(self.hear_all(message).await?.into_iter().next())
    }

    /// The same with all rows.
    async fn hear_all(&self, message: &str) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
        let rows = self.rows(Some(message)).await?;
        if let Some(row) = rows.first().filter(|_| self.is_watched) {
            self.pid.set(row.get(0).and_then(|pid| pid.parse().ok()));
        }
        Ok(rows)
    }

    /// The rows that a message gives, if there is one.
    async fn rows(&self, message: Option<&str>) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
        let Some(message) = message else { return Ok(Vec::new()) };
        let answers = self.context.client.simple_query(message).await?;
        let rows = answers.into_iter().filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.collect())
    }
}

/// The statement that an attempt failed at, in the text that it ran.
fn failed_statement(interrupted: &Interrupted) -> Option<String> {
    let begun = interrupted.begun.as_deref()?;
    let statements = sql::split(begun).statements;
    statements.get(interrupted.statements_done).map(|statement| statement.text(begun).to_owned())
}

/// A statement's earlier tries.
struct Try {
    before: Before,
    since: Option<String>,
}
