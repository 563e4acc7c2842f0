//! The row that stands for the step: claimed, taken over from an interrupted attempt, and completed.

use super::StepwiseStatements;
use super::stop::StatementStopped;
use crate::error::ApplyError;
use crate::execute::Context;
use crate::execute::blockers::suspects;
use crate::execute::failure::server_failure;
use crate::execute::history_error::{is_contention, is_of_the_text, record_failure};
use crate::execute::recovery::Before;
use crate::history::{HistoryCursor, Resumed};
use crate::sql::transaction::BEGIN;
use migrate_core::Options;
use migrate_core::advice::Left;
use migrate_core::history::Interrupted;
use migrate_core::plan::Settled;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

impl StepwiseStatements<'_, '_> {
    /// Begins the row: from now on the next run goes on with this step before it does anything else.
    pub(super) async fn claim(&self, corrected: Option<Settled>, done: usize) -> Result<(), ApplyError> {
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let Context { table, run, .. } = self.context;
        let claim = match corrected {
            None => table.claim(run, self.standing, self.step),
            Some(settled) => table.claim_corrected(run, self.standing, self.step, settled),
        };
        let clear =
            self.context.session_info.head.as_ref().map(|head| head.clear(run.set)).unwrap_or_default();
        let forget: String =
            self.context.keep_backfill(self.step).iter().map(|forget| format!("{forget}; ")).collect();
        let message = format!("{BEGIN}; {timeouts}; {claim}; {forget}{clear}; COMMIT");
        let Err(error) = self.context.client.batch_execute(&message).await else { return Ok(()) };
        drop(self.context.client.batch_execute("ROLLBACK").await);
        let contended = is_contention(&error);
        if contended || is_of_the_text(&error) {
            let mut failure = server_failure(self.step, Some(self.script), Some(self.start(0)), error);
            failure.left = Left::Statements { done, total: self.script.statements().len() };
            if !contended {
                return Err(ApplyError::Failed(Box::new(failure)));
            }
            failure.blockers = suspects(self.context.client, self.context.settings.lock_timeout).await;
            return Err(ApplyError::Contended(Box::new(failure)));
        }
        Err(record_failure(&self.context, self.step, error))
    }

    /// Goes on with an interrupted attempt in a row of this run's, so that the run that began it can't go on with it.
    pub(super) async fn take_over(&self, done: usize, before: Before) -> Result<(), StatementStopped> {
        self.go_on(done, done, before).await
    }

    /// The same where statements turned out to be done.
    pub(super) async fn go_on(&self, done: usize, to: usize, before: Before) -> Result<(), StatementStopped> {
        let Some(row) = self.taken.interrupted() else { return Ok(()) };
        let Context { table, run, .. } = self.context;
        let from = Resumed { row, done, failed: before == Before::Failed, to };
        let go_on = table.go_on(run, self.standing, self.step, from);
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let message = format!("{BEGIN}; {timeouts}; {go_on}; COMMIT");
        // The row can be locked only by that run, in the transaction of a statement, which ends soon.
        self.context.client.batch_execute(&message).await.map_err(|error| self.unrecorded(error))?;
        self.taken.take();
        Ok(())
    }

    /// The number of the row that stands for the step.
    pub(super) fn row(&self) -> i64 {
        self.taken.interrupted().unwrap_or(self.standing.last_row + 1)
    }

    /// The transaction that moved the checkpoint to where an earlier try has left it. Asked before the session is set for
    /// the statement: that may take another role, which need not see the history.
    pub(super) async fn checkpoint_transaction(
        &self,
        before: Before,
    ) -> Result<Option<String>, StatementStopped> {
        if before == Before::Nothing {
            return Ok(None);
        }
        let Context { table, run, .. } = self.context;
        let sql = table.last_written(run, self.row(), self.step);
        let rows = self.context.ask(&sql, &[]).await.map_err(|error| self.unrecorded(error))?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Ends the row as done; returns how long the step took.
    pub(super) async fn complete(
        &self,
        standing: HistoryCursor,
        last_of_run: bool,
    ) -> Result<Duration, StatementStopped> {
        let digest = self.step.digest_after(standing.digest);
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let complete = self.context.table.complete(self.context.run, self.row(), self.step, digest);
        let head = self.context.session_info.head.as_ref().filter(|_| last_of_run);
        let write = head.map(|head| head.write(self.context.run.set)).unwrap_or_default();
        let message = format!("{BEGIN}; {timeouts}; {complete}; {write}; COMMIT");
        let answer = self.context.client.simple_query(&message).await;
        let answer = answer.map_err(|error| self.unrecorded(error))?;
        let seconds = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<f64>().ok(),
            _ => None,
        });
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default())
    }
}

/// The row of a step, and whether it is this run's. The row of an interrupted attempt is not, until the
/// outcome of its last statement is known.
pub(super) struct ClaimedRow {
    interrupted: Option<i64>,
    is_ours: AtomicBool,
}

impl ClaimedRow {
    pub(super) fn of(interrupted: Option<&Interrupted>) -> ClaimedRow {
        let interrupted = interrupted.map(|interrupted| interrupted.row);
        ClaimedRow { is_ours: AtomicBool::new(interrupted.is_none()), interrupted }
    }

    /// The number of the interrupted attempt's row, as long as it stands for the step.
    pub(super) fn interrupted(&self) -> Option<i64> {
        self.interrupted.filter(|_| !self.is_ours.load(Ordering::Relaxed))
    }

    pub(super) fn take(&self) {
        self.is_ours.store(true, Ordering::Relaxed);
    }
}
