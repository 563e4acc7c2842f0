//! A statement that is sent alone, outside of any transaction block.

use super::stop::StatementStopped;
use super::{StepwiseStatements, Try};
use crate::execute::blockers::BlockerMonitor;
use crate::execute::failure::position;
use crate::execute::recovery::{InDoubtStatement, RecoveryAction};
use crate::execute::spent::{self, Spent};
use crate::execute::watch::{At, PID, Underway, watch};
use crate::execute::{Context, carried};
use crate::sql::transaction::BEGIN;
use futures_util::future::join4;
use migrate_core::Options;
use migrate_core::engine::Progress;
use migrate_core::sql::{self, Control};
use std::sync::PoisonError;

impl StepwiseStatements<'_, '_> {
    /// Runs a statement alone and moves the checkpoint past it.
    pub(super) async fn take_bare(
        &self,
        index: usize,
        earlier: Try,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), StatementStopped> {
        let statement = &self.script.statements().at(index);
        let underway = Underway { step: self.step, at: At::Statement(index + 1) };
        let text = statement.text(self.script.text());
        let Try { before, since } = earlier;
        let in_doubt = InDoubtStatement {
            context: self.context,
            step: self.step,
            index,
            text,
            refuses: statement.refuses(),
            before,
            wrong: self.wrong.as_deref(),
            since,
        };
        self.probe(index, &self.enter(index)).await?;
        monitor.begin();
        let settled = in_doubt.settle(progress).await;
        self.probe(index, &self.leave()).await?;
        if settled? == RecoveryAction::Done {
            return match self.taken.interrupted() {
                Some(_) => self.go_on(index, index + 1, before).await,
                None => self.move_checkpoint(index).await,
            };
        }
        self.take_over(index, before).await?;
        in_doubt.check_server()?;
        watch(self.run_bare(index), underway, &self.pid, monitor, progress).await?;
        self.probe(index, &self.enter(index)).await?;
        let checked = in_doubt.check_valid().await;
        self.probe(index, &self.leave()).await?;
        checked?;
        progress.statements_committed(self.step, index + 1);
        self.move_checkpoint(index).await
    }

    /// Moves the checkpoint behind a statement that was sent alone, under our own limits.
    async fn move_checkpoint(&self, index: usize) -> Result<(), StatementStopped> {
        let Context { table, run, .. } = self.context;
        let checkpoint = table.checkpoint(run, self.row(), self.step, index..index + 1);
        self.record_done(&checkpoint).await
    }

    /// Writes a checkpoint of what is committed already, in a message of ours alone.
    pub(super) async fn record_done(&self, checkpoint: &str) -> Result<(), StatementStopped> {
        let recorded = self.context.client.batch_execute(&self.ours(checkpoint)).await;
        recorded.map_err(|error| self.unrecorded(error))
    }

    /// A message of ours alone, under our own limits.
    fn ours(&self, statement: &str) -> String {
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        format!("{BEGIN}; {timeouts}; {statement}; COMMIT")
    }

    /// Prepares or ends a look at the catalog, where names mean what they mean to the statement.
    async fn probe(&self, index: usize, message: &str) -> Result<(), StatementStopped> {
        if self.settings_before(index).is_empty() { Ok(()) } else { self.send(message).await }
    }

    /// Runs a statement alone, outside of any transaction block. What sets the session for it and what undoes that are sent
    /// with it, as messages of their own: in one flush, so that a transaction pooler keeps them together.
    async fn run_bare(&self, index: usize) -> Result<(), StatementStopped> {
        let statement = self.script.statements().at(index);
        let text = statement.text(self.script.text());
        let (mut enter, leave) = (self.enter(index), self.leave());
        let may_commit = statement.control() == Some(Control::Code);
        let session = carried::question(text);
        if may_commit {
            enter = format!("{};\n{enter}\n;\n{session}", spent::ASK);
        } else if self.is_watched {
            enter = format!("{PID};\n{enter}");
        }
        let question = may_commit.then_some(session.as_str());
        let sent = join4(
            self.and_stay(self.hear_all(&enter)),
            self.context.client.batch_execute(text),
            self.rows(question),
            self.send(&leave),
        );
        let (entered, done, after, left) = self.pipelined(sent).await;
        if let (Ok(entered), Ok(()), Ok(after)) = (&entered, &done, &after) {
            let set = carried::changes(entered, after);
            self.carried.lock().unwrap_or_else(PoisonError::into_inner).push((index, set));
        }
        let entered = entered.map(|rows| rows.into_iter().next());
        if let Err(error) = done {
            let inside = position(&error).map_or(0, |position| sql::char_to_byte(text, position as usize));
            let offset = statement.range().start + if inside < text.len() { inside } else { 0 };
            let before = entered.ok().flatten().and_then(|row| Spent::read(&row));
            if may_commit && error.as_db_error().is_some() && !self.committed_nothing(before).await {
                return Err(StatementStopped::InDoubt { offset, error });
            }
            return Err(self.stopped(error, Some(offset)));
        }
        entered.map_err(|error| self.stopped(error, None))?;
        left
    }

    /// Waits for the answers to several messages of one flush.
    pub(super) async fn pipelined<A>(&self, answers: impl Future<Output = A>) -> A {
        self.context.mark_pipelining(true);
        let answers = answers.await;
        self.context.mark_pipelining(false);
        answers
    }

    /// Waits for the answer to the first of several messages, and then sends an empty one: else PgBouncer before 1.21 takes the
    /// server connection for idle while it works on the second one, and gives it to another client when this one is lost.
    pub(super) async fn and_stay<A>(&self, first: impl Future<Output = A>) -> A {
        let answer = first.await;
        drop(self.context.client.check_connection().await);
        answer
    }

    /// True if code that failed can't have committed anything: the session's transactions are numbered, and
    /// only its own and those of the two messages after it have come since `before`.
    async fn committed_nothing(&self, before: Option<Spent>) -> bool {
        let after = self.hear(spent::ASK).await.ok().flatten().and_then(|row| Spent::read(&row));
        before.zip(after).is_some_and(|(before, after)| after.is_after(before, 4))
    }
}
