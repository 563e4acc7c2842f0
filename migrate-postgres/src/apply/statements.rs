//! A step that runs statement by statement, with a checkpoint after each.

use super::blockers::{Lookout, suspects};
use super::doubt::{Before, Doubtful, Unsettled, Verdict};
use super::failure::{place, position, server_failure};
use super::transactions::{is_contention, record_failure};
use super::verify::verify_committed;
use super::watch::{At, FLUSH, PID, Pid, Underway, watch};
use super::{BEGIN, Context, DEFERRED, Standing};
use crate::error::Error;
use futures_util::StreamExt;
use futures_util::future::join3;
use migrate_core::engine::Progress;
use migrate_core::error::{ApplyError, Failure, Left};
use migrate_core::history::Interrupted;
use migrate_core::plan::{Settled, Step};
use migrate_core::sql::{self, Statement};
use migrate_core::{Options, Script};
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

/// Applies a step that can't run in a transaction block: claims its version, runs statement after statement, and moves
/// the checkpoint with each, in the same transaction where the statement allows one.
///
/// An interrupted attempt is taken over and goes on at its checkpoint. Where the step is the `last_of_run`, its end is the
/// history's.
pub(crate) async fn apply_statements(
    context: Context<'_>,
    step: &Step<'_>,
    interrupted: Option<&Interrupted>,
    last_of_run: bool,
    standing: &mut Standing,
    progress: &mut Progress<'_>,
    lookout: &mut Lookout<'_>,
) -> Result<(), ApplyError> {
    let Some(script) = step.script() else { return Ok(()) };
    check_checkpoints(context, step, script).map_err(Error::into_apply)?;
    progress.step_started(step);
    // Of another text of the script; in a second try it is an attempt of this one.
    let corrected = step.settles.filter(|settled| interrupted.is_some_and(|i| i.row == settled.row));
    let resumed = interrupted.filter(|_| corrected.is_none());
    let row = resumed.map_or(standing.last_row + 1, |interrupted| interrupted.row);
    let done = interrupted.map_or(0, |interrupted| interrupted.statements_done);
    let run =
        Statements { context, step, script, row, is_watched: progress.is_observed(), pid: Pid::default() };
    let mut before = match interrupted {
        None => Before::Nothing,
        Some(interrupted) if interrupted.failed => Before::Failed,
        Some(_) => Before::Unknown,
    };
    if resumed.is_none() {
        run.claim(corrected, standing).await?;
        standing.last_row = run.row;
    }
    for index in done..script.statements().len() {
        progress.statement_started(step, index + 1, run.pid.get());
        if let Err(stopped) = run.take(index, before, progress, lookout).await {
            return Err(run.stop(index, stopped).await);
        }
        before = Before::Nothing;
        progress.statement_done(step, index + 1, Some(lookout.age()), true);
    }
    let total = script.statements().len();
    if let Err(stopped) = run.take_over(total, before).await {
        return Err(run.stop(total, stopped).await);
    }
    let underway = Underway { step, at: At::Around };
    let verified = watch(verify_committed(&context, step), underway, &run.pid, lookout, progress).await;
    if let Err(failure) = verified {
        return Err(run.refuted(failure).await);
    }
    let took = match run.complete(*standing, last_of_run).await {
        Ok(took) => took,
        Err(stopped) => return Err(run.stop(total, stopped).await),
    };
    standing.digest = step.digest_after(standing.digest);
    progress.step_done(step, took);
    Ok(())
}

/// A table of another tool's may have no place for how far a script has come: then it may have one statement only, settings aside.
fn check_checkpoints(context: Context<'_>, step: &Step<'_>, script: &Script) -> Result<(), Error> {
    let texts = script.statements().iter().map(|statement| statement.text(script.text()));
    let statements = texts.filter(|text| !sql::is_session_setting(text)).count();
    if statements <= 1 || context.table.has_checkpoints(step) {
        return Ok(());
    }
    Err(Error::NoCheckpoints {
        name: step.name.clone().into_owned(),
        table: context.table.shown(),
        statements,
    })
}

struct Statements<'r, 'c> {
    context: Context<'c>,
    step: &'r Step<'r>,
    script: &'r Script,
    /// The number of its row in the history.
    row: i64,
    /// Whether anybody wants to know what is under way.
    is_watched: bool,
    pid: Pid,
}

impl Statements<'_, '_> {
    /// Begins the row: from now on the next run goes on with this step before it does anything else.
    async fn claim(&self, corrected: Option<Settled>, standing: &Standing) -> Result<(), ApplyError> {
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let Context { table, run, .. } = self.context;
        let claim = match corrected {
            None => table.claim(run, self.row, self.step, standing.digest),
            Some(settled) => table.claim_corrected(run, self.row, self.step, settled, standing.digest),
        };
        let clear = self.context.survey.head.as_ref().map(|head| head.clear(run.set)).unwrap_or_default();
        let message = format!("{BEGIN}; {timeouts}; {claim}; {clear}; COMMIT");
        let Err(error) = self.context.client.batch_execute(&message).await else { return Ok(()) };
        drop(self.context.client.batch_execute("ROLLBACK").await);
        if is_contention(&error) {
            let mut failure = server_failure(self.step, Some(self.script), Some(self.start(0)), error);
            failure.left = Left::Statements { done: 0, total: self.script.statements().len() };
            failure.blockers = suspects(self.context.client, self.context.settings.lock_timeout).await;
            return Err(ApplyError::Contended(Box::new(failure)));
        }
        Err(record_failure(&self.context, error))
    }

    /// The byte that a statement begins at.
    fn start(&self, index: usize) -> usize {
        self.script.statements().get(index).map_or(0, |statement| statement.range().start)
    }

    /// What the statements before one have set for the session. They are set again for each statement, and undone after
    /// it: the checkpoint is not theirs to write, a run that goes on after a crash has another session, and behind a
    /// transaction pooler each statement has.
    fn settings_before(&self, index: usize) -> Vec<&str> {
        let texts =
            self.script.statements().iter().take(index).map(|statement| statement.text(self.script.text()));
        texts.filter(|text| sql::is_session_setting(text)).collect()
    }

    /// Sets the session for a statement that is sent alone.
    ///
    /// There is no lock timeout unless the script asks for one: it would fire inside `CREATE INDEX CONCURRENTLY` too, and
    /// leave an INVALID index behind.
    fn enter(&self, index: usize) -> String {
        let mut options = self.script.options().clone();
        options.lock_timeout.get_or_insert(Duration::ZERO);
        let timeouts = self.context.timeouts(&options, false).join("\n;\n");
        std::iter::once(timeouts.as_str())
            .chain(self.settings_before(index))
            .collect::<Vec<_>>()
            .join("\n;\n")
    }

    /// Makes the session what it was.
    fn leave(&self) -> String {
        self.context.survey.between_scripts().join(";\n")
    }

    /// Makes an interrupted attempt ours, so that the run that began it can't go on with it.
    async fn take_over(&self, done: usize, before: Before) -> Result<(), Stopped> {
        if before == Before::Nothing {
            return Ok(());
        }
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let take_over =
            self.context.table.take_over(self.context.run, self.row, self.step, done, before.outcome());
        let message = format!("{BEGIN}; {timeouts}; {take_over}; COMMIT");
        // Who holds the row's lock is that run, in the transaction of a statement: it will have ended soon.
        self.context.client.batch_execute(&message).await.map_err(|error| self.stopped(error, 0))
    }

    /// The transaction that moved the checkpoint to where an earlier try has left it. Asked before the session is set for
    /// the statement: that may take another role, which need not see the history.
    async fn checkpoint_transaction(&self, before: Before) -> Result<Option<String>, Stopped> {
        if before == Before::Nothing {
            return Ok(None);
        }
        let Context { table, run, client, .. } = self.context;
        let row = table.row_condition(run, self.row, self.step);
        let sql = format!("SELECT h.xmin::text FROM {} h WHERE {row}", table.qualified());
        let rows = client.query_typed(&sql, &[]).await.map_err(|error| self.stopped(error, 0))?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Runs a statement and moves the checkpoint behind it.
    async fn take(
        &self,
        index: usize,
        before: Before,
        progress: &mut Progress<'_>,
        lookout: &mut Lookout<'_>,
    ) -> Result<(), Stopped> {
        let statement = &self.script.statements().at(index);
        let underway = Underway { step: self.step, at: At::Statement(index + 1) };
        if !self.runs_bare(statement) {
            self.take_over(index, before).await?;
            return watch(self.run_in_block(index), underway, &self.pid, lookout, progress).await;
        }
        let text = statement.text(self.script.text());
        let doubtful = Doubtful {
            context: self.context,
            step: self.step,
            index,
            text,
            refuses: statement.refuses(),
            before,
            since: self.checkpoint_transaction(before).await?,
        };
        let (table, run) = (self.context.table, self.context.run);
        self.look(index, &self.enter(index)).await?;
        lookout.begin();
        let settled = doubtful.settle(progress).await;
        self.look(index, &self.leave()).await?;
        if settled? == Verdict::Done {
            let found = table.checkpoint_found(run, self.row, self.step, index + 1, before.outcome());
            return self.send(&found, text, usize::MAX).await;
        }
        self.take_over(index, before).await?;
        doubtful.check_server()?;
        watch(self.run_bare(index), underway, &self.pid, lookout, progress).await?;
        self.look(index, &self.enter(index)).await?;
        let checked = doubtful.check_valid().await;
        self.look(index, &self.leave()).await?;
        checked?;
        self.send(&table.checkpoint(run, self.row, self.step, index + 1), text, usize::MAX).await
    }

    /// Prepares or ends a look at the catalog, where names mean what they mean to the statement.
    async fn look(&self, index: usize, message: &str) -> Result<(), Stopped> {
        if self.settings_before(index).is_empty() { Ok(()) } else { self.send(message, "", usize::MAX).await }
    }

    /// Runs a statement alone, outside of any transaction block. What sets the session for it and what undoes that are sent
    /// with it, as messages of their own: in one flush, so that a transaction pooler keeps them together.
    async fn run_bare(&self, index: usize) -> Result<(), Stopped> {
        let text = self.script.statements().at(index).text(self.script.text());
        let (mut enter, leave) = (self.enter(index), self.leave());
        if self.is_watched {
            enter = format!("{PID};\n{enter}");
        }
        let (entered, done, left) = join3(
            self.send_and_hear(&enter, "", usize::MAX),
            self.send(text, text, 0),
            self.send(&leave, "", usize::MAX),
        )
        .await;
        done.and(entered).and(left)
    }

    /// Runs a statement in a transaction with its checkpoint. The checkpoint comes first: should another run be there in
    /// spite of all locks, one of the two waits for the other's transaction here, and then finds that it has moved.
    async fn run_in_block(&self, index: usize) -> Result<(), Stopped> {
        let text = self.script.statements().at(index).text(self.script.text());
        let checkpoint = self.context.table.checkpoint(self.context.run, self.row, self.step, index + 1);
        let ask = if self.is_watched { format!("{PID};\n") } else { String::new() };
        let mut prefix = format!(
            "{BEGIN};\n{ask}{checkpoint};\n{};\n",
            self.context.timeouts(self.script.options(), true).join("; ")
        );
        for setting in self.settings_before(index) {
            prefix = format!("{prefix}{setting}\n;\n");
        }
        if self.is_watched {
            prefix = format!("{prefix}{FLUSH};\n");
        }
        let message = format!("{prefix}{text}\n;\n{DEFERRED};\n{};\nCOMMIT", self.leave());
        self.send_and_hear(&message, text, prefix.chars().count()).await
    }

    /// Sends a message that holds a statement's text, `before` characters from its beginning.
    async fn send(&self, message: &str, text: &str, before: usize) -> Result<(), Stopped> {
        self.sent(self.context.client.batch_execute(message).await, text, before)
    }

    /// The same with a message whose first row is the server process that works, where anybody wants to know.
    async fn send_and_hear(&self, message: &str, text: &str, before: usize) -> Result<(), Stopped> {
        if !self.is_watched {
            return self.send(message, text, before).await;
        }
        self.sent(self.hear(message).await, text, before)
    }

    /// What became of a message that holds a statement's text.
    fn sent(
        &self,
        outcome: Result<(), tokio_postgres::Error>,
        text: &str,
        before: usize,
    ) -> Result<(), Stopped> {
        outcome.map_err(|error| {
            let inside = position(&error).and_then(|position| (position as usize).checked_sub(before));
            let offset = inside.map_or(0, |position| sql::char_to_byte(text, position));
            self.stopped(error, if offset < text.len() { offset } else { 0 })
        })
    }

    async fn hear(&self, message: &str) -> Result<(), tokio_postgres::Error> {
        let mut answers = pin!(self.context.client.simple_query_raw(message).await?);
        let mut is_first = true;
        while let Some(answer) = answers.next().await {
            if let SimpleQueryMessage::Row(row) = answer?
                && std::mem::take(&mut is_first)
            {
                self.pid.set(row.get(0).and_then(|pid| pid.parse().ok()));
            }
        }
        Ok(())
    }

    fn stopped(&self, error: tokio_postgres::Error, offset: usize) -> Stopped {
        if self.context.table.is_moved(&error) {
            Stopped::Moved(error)
        } else {
            Stopped::Server { offset, error }
        }
    }

    /// Whether a statement has to be sent alone, outside of any transaction block. Of procedures and `DO` blocks nobody
    /// knows whether they commit; in a script that runs statement by statement they may.
    fn runs_bare(&self, statement: &Statement) -> bool {
        let text = statement.text(self.script.text());
        let first = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        statement.refuses().is_some() || ["call", "do"].iter().any(|word| first.eq_ignore_ascii_case(word))
    }

    /// Ends the row as done; returns how long the step took.
    async fn complete(&self, standing: Standing, last_of_run: bool) -> Result<Duration, Stopped> {
        let digest = self.step.digest_after(standing.digest);
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let complete = self.context.table.complete(self.context.run, self.row, self.step, digest);
        let head = self.context.survey.head.as_ref().filter(|_| last_of_run);
        let write = head.map(|head| head.write(self.context.run.set)).unwrap_or_default();
        let message = format!("{BEGIN}; {timeouts}; {complete}; {write}; COMMIT");
        let answer = self.context.client.simple_query(&message).await;
        let answer = answer.map_err(|error| self.stopped(error, 0))?;
        let seconds = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<f64>().ok(),
            _ => None,
        });
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default())
    }

    /// Makes the session what it was, and ends the row as failed at its checkpoint where the server said so.
    async fn stop(&self, index: usize, stopped: Stopped) -> ApplyError {
        let unsettled = match stopped {
            Stopped::Moved(error) => {
                self.restore("").await;
                return ApplyError::Moved(Error::server("writing the history", error).into());
            }
            Stopped::Server { offset, error } => return self.stop_at_error(index, offset, error).await,
            Stopped::Unsettled(Unsettled::Server(error)) => return self.stop_at_error(index, 0, error).await,
            Stopped::Unsettled(unsettled) => unsettled,
        };
        let mut failure = self.failure(index, unsettled.to_string());
        match unsettled {
            Unsettled::Unsafe { .. } => self.record(&failure, index).await,
            // The row stays unfinished: what is in doubt remains so.
            Unsettled::Running { holders, .. } => {
                failure.blockers = holders;
                self.restore("").await;
            }
            Unsettled::Undecidable { .. } | Unsettled::Server(_) => {
                failure.left = Left::InDoubt { done: index, total: self.script.statements().len() };
                self.restore("").await;
            }
        }
        ApplyError::Failed(failure)
    }

    async fn stop_at_error(&self, index: usize, offset: usize, error: tokio_postgres::Error) -> ApplyError {
        let contended = is_contention(&error);
        let is_at_statement = index < self.script.statements().len();
        if error.as_db_error().is_none() || !(is_at_statement || contended) {
            self.restore("").await;
            return self.context.survey.write_error("applying migrations", error).into_apply();
        }
        let offset = is_at_statement.then(|| self.start(index) + offset);
        let mut failure = server_failure(self.step, Some(self.script), offset, error);
        failure.left = Left::Statements { done: index, total: self.script.statements().len() };
        self.record(&failure, index).await;
        let failure = Box::new(failure);
        if contended { ApplyError::Contended(failure) } else { ApplyError::Failed(failure) }
    }

    /// A failure of ours at a statement.
    fn failure(&self, index: usize, message: String) -> Box<Failure> {
        let mut failure =
            Failure::new(self.step.version.clone(), self.step.name.clone(), self.step.action, message);
        let statements = self.script.statements();
        failure.place = statements.get(index).map(|statement| place(self.script, statement.range().start));
        failure.left = Left::Statements { done: index, total: statements.len() };
        Box::new(failure)
    }

    /// All statements are done, but the verify script refutes them.
    async fn refuted(&self, mut failure: Box<Failure>) -> ApplyError {
        let total = self.script.statements().len();
        failure.left = Left::Statements { done: total, total };
        self.record(&failure, total).await;
        ApplyError::Failed(failure)
    }

    /// Leaves a trace of the failure; that it can't be left is no reason to hide the failure itself.
    async fn record(&self, failure: &Failure, done: usize) {
        let run = self.context.run;
        self.restore(&self.context.table.failed_at_checkpoint(run, self.row, self.step, done, failure)).await;
    }

    /// Ends what a statement left open, makes the session what it was, and runs a statement more.
    async fn restore(&self, then: &str) {
        let restore = self.context.survey.between_scripts().join("; ");
        let message = format!("ROLLBACK; {BEGIN}; {restore}; {then}; COMMIT");
        if self.context.client.batch_execute(&message).await.is_err() {
            drop(self.context.client.batch_execute("ROLLBACK").await);
        }
    }
}

/// Why a statement was not done.
enum Stopped {
    /// The server said no, at a byte of its text.
    Server { offset: usize, error: tokio_postgres::Error },
    /// What became of an earlier try can't be settled.
    Unsettled(Unsettled),
    /// Another run has taken the migration over.
    Moved(tokio_postgres::Error),
}

impl From<Unsettled> for Stopped {
    fn from(unsettled: Unsettled) -> Stopped {
        Stopped::Unsettled(unsettled)
    }
}
