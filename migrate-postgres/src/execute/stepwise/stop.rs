//! A statement that stopped: the cause, and its record in the history.

use super::StepwiseStatements;
use crate::error::{ApplyError, Error};
use crate::execute::Context;
use crate::execute::blockers::suspects;
use crate::execute::failure::{place, server_failure};
use crate::execute::history_error::{is_contention, not_kept};
use crate::execute::limits::over_limit;
use crate::execute::recovery::Unsettled;
use crate::history::{Ended, Resumed};
use crate::sql::transaction::BEGIN;
use migrate_core::advice::{Cause, Left};
use migrate_core::engine::error::Failure;

impl StepwiseStatements<'_, '_> {
    pub(super) fn stopped(&self, error: tokio_postgres::Error, offset: Option<usize>) -> StatementStopped {
        if self.context.table.is_moved(&error) {
            StatementStopped::HistoryChanged(error)
        } else {
            StatementStopped::Server { offset, error }
        }
    }

    /// An error of the history, at a row that is to say what is done.
    pub(super) fn unrecorded(&self, error: tokio_postgres::Error) -> StatementStopped {
        if self.context.table.is_moved(&error) {
            StatementStopped::HistoryChanged(error)
        } else {
            StatementStopped::Unrecorded(error)
        }
    }

    /// Makes the session what it was, and ends the row as failed at its checkpoint where the server said so.
    pub(super) async fn stop(&self, index: usize, stopped: StatementStopped) -> ApplyError {
        let unsettled = match stopped {
            StatementStopped::HistoryChanged(error) => {
                self.restore("").await;
                return ApplyError::HistoryChanged(Error::server("writing the history", error));
            }
            StatementStopped::Server { offset, error } => {
                return self.stop_at_error(index, offset, error).await;
            }
            StatementStopped::Unrecorded(error) => return self.stop_unrecorded(index, error).await,
            StatementStopped::ReadOnly(error) | StatementStopped::Unsettled(Unsettled::Server(error)) => {
                return self.stop_at_error(index, None, error).await;
            }
            StatementStopped::InDoubt { offset, error } => {
                let mut failure = server_failure(self.step, Some(self.script), Some(offset), error);
                failure.left = Left::InDoubt { done: index, total: self.script.statements().len() };
                let Context { table, run, .. } = self.context;
                self.restore(&table.left_in_doubt(run, self.row(), index, self.ended(&failure))).await;
                return ApplyError::Failed(Box::new(failure));
            }
            StatementStopped::OverLimit(cause) => {
                let mut failure = self.failure(index, String::new());
                over_limit(&mut failure, cause, self.context.settings);
                self.record(&failure, index).await;
                return ApplyError::Failed(failure);
            }
            StatementStopped::Unsettled(unsettled) => unsettled,
        };
        let mut failure = self.failure(index, unsettled.to_string());
        let is_unsafe = matches!(unsettled, Unsettled::Unsafe { .. });
        match unsettled {
            Unsettled::Unsafe { .. } => {}
            Unsettled::Running { holders, .. } => failure.blockers = holders,
            Unsettled::Undecidable { .. } | Unsettled::Server(_) => {
                failure.left = Left::InDoubt { done: index, total: self.script.statements().len() };
            }
        }
        match self.taken.interrupted() {
            // A row that this run has begun stays unfinished: what is in doubt remains so.
            None if !is_unsafe => self.restore("").await,
            _ => self.record(&failure, index).await,
        }
        ApplyError::Failed(failure)
    }

    async fn stop_at_error(
        &self,
        index: usize,
        offset: Option<usize>,
        error: tokio_postgres::Error,
    ) -> ApplyError {
        if error.as_db_error().is_none() {
            self.restore("").await;
            return Error::server("applying migrations", error).into_apply();
        }
        let contended = is_contention(&error);
        let offset = offset.or_else(|| (index < self.script.statements().len()).then(|| self.start(index)));
        let mut failure = server_failure(self.step, Some(self.script), offset, error);
        self.limits
            .timer(self.script, self.context.settings, self.sent.elapsed())
            .explain(&mut failure, self.context.settings);
        failure.left = Left::Statements { done: index, total: self.script.statements().len() };
        self.record(&failure, index).await;
        let failure = Box::new(failure);
        if contended { ApplyError::Contended(failure) } else { ApplyError::Failed(failure) }
    }

    /// The statement before a checkpoint may be done, and the history does not say so. Its row stays as it is: the
    /// next attempt finds out what the statement did, and does not run it again.
    async fn stop_unrecorded(&self, index: usize, error: tokio_postgres::Error) -> ApplyError {
        self.restore("").await;
        if self.context.table.is_not_kept(&error) {
            return not_kept(&self.context, self.step);
        }
        if !is_contention(&error) {
            return self.context.session_info.write_error("writing the history", error).into_apply();
        }
        let mut failure = server_failure(self.step, Some(self.script), None, error);
        failure.context = Some(format!("as the row of {} in the history was to be written", self.step.name));
        failure.left = Left::Statements { done: index, total: self.script.statements().len() };
        failure.blockers = suspects(self.context.client, self.context.settings.lock_timeout).await;
        ApplyError::Contended(Box::new(failure))
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
    pub(super) async fn refuted(&self, mut failure: Box<Failure>) -> ApplyError {
        let total = self.script.statements().len();
        failure.left = Left::Statements { done: total, total };
        self.record(&failure, total).await;
        ApplyError::Failed(failure)
    }

    /// Leaves a trace of the failure; that it can't be left is no reason to hide the failure itself. An attempt that stops
    /// before it has taken over the interrupted one has a row of its own, and that one's row stays as it is: its place is
    /// what tells the next run when the statement in doubt was begun.
    pub(super) async fn record(&self, failure: &Failure, done: usize) {
        let Context { table, run, .. } = self.context;
        let record = match self.taken.interrupted() {
            Some(row) => {
                let from = Resumed { row, done, failed: false, to: done };
                table.stopped_before(run, self.standing, self.step, from, failure)
            }
            None => table.failed_at_checkpoint(run, self.row(), self.step, done, self.ended(failure)),
        };
        self.restore(&record).await;
    }

    fn ended<'f>(&self, failure: &'f Failure) -> Ended<'f> {
        Ended { failure, said: self.said }
    }

    /// Ends what a statement left open, makes the session what it was, and runs a statement more.
    pub(super) async fn restore(&self, then: &str) {
        let restore = self.context.session_info.between_scripts().join("; ");
        let no_timeouts = self.context.session_info.no_timeouts().join("; ");
        let message = format!("ROLLBACK; {BEGIN}; {restore}; {no_timeouts}; {then}; COMMIT");
        if self.context.client.batch_execute(&message).await.is_err() {
            drop(self.context.client.batch_execute("ROLLBACK").await);
        }
    }
}

/// The reason why a statement was not completed.
pub(super) enum StatementStopped {
    /// The server said no, at a byte of the script where that is known.
    Server { offset: Option<usize>, error: tokio_postgres::Error },
    /// The history can't be written.
    Unrecorded(tokio_postgres::Error),
    /// The server said no to code that may have committed before.
    InDoubt { offset: usize, error: tokio_postgres::Error },
    /// The transaction can't write, and so not record what it has done either.
    ReadOnly(tokio_postgres::Error),
    /// The migration or its run has had its time.
    OverLimit(Cause),
    /// The outcome of an earlier try can't be determined.
    Unsettled(Unsettled),
    /// Another run has taken the migration over.
    HistoryChanged(tokio_postgres::Error),
}

impl From<Unsettled> for StatementStopped {
    fn from(unsettled: Unsettled) -> StatementStopped {
        StatementStopped::Unsettled(unsettled)
    }
}
