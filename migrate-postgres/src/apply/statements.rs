//! A step that runs statement by statement, with a checkpoint after each.

use super::failure::{position, server_failure};
use super::transactions::{is_contention, record_failure};
use super::verify::verify;
use super::{BEGIN, Context, Standing};
use crate::error::Error;
use migrate_core::engine::Progress;
use migrate_core::error::{ApplyError, Failure, Left};
use migrate_core::plan::Step;
use migrate_core::sql::{self, Statement};
use migrate_core::{Options, Script};
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

/// Applies a step that can't run in a transaction block: claims its version, runs statement after statement, and moves
/// the checkpoint after each, in the same transaction where the statement allows one.
///
/// `resume` is the row and the checkpoint of an interrupted attempt.
pub(crate) async fn apply_statements(
    context: Context<'_>,
    step: &Step<'_>,
    resume: Option<(i64, usize)>,
    standing: &mut Standing,
    progress: &mut Progress<'_>,
) -> Result<(), ApplyError> {
    let Some(script) = step.script() else { return Ok(()) };
    progress.step_started(step);
    let run = Statements { context, step, script, row: resume.map_or(standing.last_row + 1, |(row, _)| row) };
    let done = resume.map_or(0, |(_, done)| done);
    if resume.is_none() {
        run.claim(standing).await?;
        standing.last_row = run.row;
    }
    run.prepare_session(done).await.map_err(Error::into_apply)?;
    for index in done..script.statements().len() {
        if let Err(error) = run.run_statement(index).await {
            return Err(run.stop(index, error).await);
        }
        progress.statement_done(step, index + 1);
    }
    let took = match verify(context.client, step).await {
        Ok(()) => run.complete(*standing).await.map_err(Error::into_apply)?,
        Err(failure) => return Err(run.refuted(failure).await),
    };
    standing.digest = step.digest_after(standing.digest);
    progress.step_done(step, took);
    Ok(())
}

struct Statements<'r, 'c> {
    context: Context<'c>,
    step: &'r Step<'r>,
    script: &'r Script,
    /// The number of its row in the history.
    row: i64,
}

impl Statements<'_, '_> {
    /// Begins the row: from now on the next run goes on with this step before it does anything else.
    async fn claim(&self, standing: &Standing) -> Result<(), ApplyError> {
        let timeouts = self.context.timeouts(&Options::NONE, true);
        let claim = self.context.table.claim(self.context.run, self.row, self.step, standing.digest);
        let message = format!("{BEGIN}; {timeouts}; {claim}; COMMIT");
        let Err(error) = self.context.client.batch_execute(&message).await else { return Ok(()) };
        drop(self.context.client.batch_execute("ROLLBACK").await);
        Err(record_failure(&self.context, error))
    }

    /// Sets the session's timeouts, and again what the statements before the checkpoint have set.
    ///
    /// There is no lock timeout unless the script asks for one: it would fire inside `CREATE INDEX CONCURRENTLY` too, and
    /// leave an INVALID index behind.
    async fn prepare_session(&self, done: usize) -> Result<(), Error> {
        let mut options = self.script.options().clone();
        options.lock_timeout.get_or_insert(Duration::ZERO);
        let mut message = self.context.timeouts(&options, false);
        for statement in &self.script.statements()[..done] {
            let text = statement.text(self.script.text());
            if sql::is_session_setting(text) {
                message = format!("{message};\n{text}\n");
            }
        }
        let sent = self.context.client.batch_execute(&message).await;
        sent.map_err(|source| Error::server("preparing the session", source))
    }

    async fn run_statement(&self, index: usize) -> Result<(), StatementError> {
        let statement = &self.script.statements()[index];
        let text = statement.text(self.script.text());
        let checkpoint = self.context.table.checkpoint(self.context.run.set, self.row, index + 1);
        if self.runs_bare(statement) {
            self.send(text, text, 0).await?;
            return self.send(&checkpoint, text, usize::MAX).await;
        }
        let mut prefix = format!("{BEGIN};\n");
        if !self.sets_its_own_timeouts(index) {
            prefix = format!("{prefix}{};\n", self.context.timeouts(self.script.options(), true));
        }
        self.send(&format!("{prefix}{text}\n;\n{checkpoint};\nCOMMIT"), text, prefix.chars().count()).await
    }

    /// Sends a message that holds a statement's text, `before` characters from its beginning.
    async fn send(&self, message: &str, text: &str, before: usize) -> Result<(), StatementError> {
        self.context.client.batch_execute(message).await.map_err(|error| {
            let inside = position(&error).and_then(|position| (position as usize).checked_sub(before));
            let offset = inside.map_or(0, |position| sql::char_to_byte(text, position));
            StatementError { offset: if offset < text.len() { offset } else { 0 }, error }
        })
    }

    /// Whether a statement has to be sent alone, outside of any transaction block. Of procedures and `DO` blocks nobody
    /// knows whether they commit; in a script that runs statement by statement they may.
    fn runs_bare(&self, statement: &Statement) -> bool {
        let text = statement.text(self.script.text());
        let first = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        statement.refuses().is_some() || ["call", "do"].iter().any(|word| first.eq_ignore_ascii_case(word))
    }

    /// Whether a statement before this one has set something for the session, so that we keep our hands off.
    fn sets_its_own_timeouts(&self, index: usize) -> bool {
        let text = self.script.text();
        self.script.statements()[..index]
            .iter()
            .any(|statement| sql::is_session_setting(statement.text(text)))
    }

    /// Ends the row as done, and makes the session what it was; returns how long the step took.
    async fn complete(&self, standing: Standing) -> Result<Duration, Error> {
        let digest = self.step.digest_after(standing.digest);
        let restore = self.context.survey.between_scripts().join("; ");
        let complete = self.context.table.complete(self.context.run.set, self.row, self.step, digest);
        let message = format!("{BEGIN}; {restore}; {complete}; COMMIT");
        let answer = self.context.client.simple_query(&message).await;
        let answer = answer.map_err(|source| Error::server("writing the history", source))?;
        let seconds = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<f64>().ok(),
            _ => None,
        });
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default())
    }

    /// Ends the row as failed at its checkpoint.
    async fn stop(&self, index: usize, stopped: StatementError) -> ApplyError {
        if stopped.error.as_db_error().is_none() {
            return Error::server("applying migrations", stopped.error).into_apply();
        }
        let contended = is_contention(&stopped.error);
        let start = self.script.statements()[index].range().start;
        let mut failure =
            server_failure(self.step, Some(self.script), Some(start + stopped.offset), stopped.error);
        failure.left = Left::Statements { done: index, total: self.script.statements().len() };
        self.record(&failure).await;
        let failure = Box::new(failure);
        if contended { ApplyError::Contended(failure) } else { ApplyError::Failed(failure) }
    }

    /// All statements are done, but the verify script refutes them.
    async fn refuted(&self, mut failure: Box<Failure>) -> ApplyError {
        let total = self.script.statements().len();
        failure.left = Left::Statements { done: total, total };
        self.record(&failure).await;
        ApplyError::Failed(failure)
    }

    /// Leaves a trace of the failure; that it can't be left is no reason to hide the failure itself.
    async fn record(&self, failure: &Failure) {
        let restore = self.context.survey.between_scripts().join("; ");
        let failed = self.context.table.failed_at_checkpoint(self.context.run.set, self.row, failure);
        let message = format!("ROLLBACK; {BEGIN}; {restore}; {failed}; COMMIT");
        if self.context.client.batch_execute(&message).await.is_err() {
            drop(self.context.client.batch_execute("ROLLBACK").await);
        }
    }
}

/// A statement failed, at a byte of its text.
struct StatementError {
    offset: usize,
    error: tokio_postgres::Error,
}
