//! Steps in transaction blocks: many of them in one message.

mod build;
mod follow;
mod stop;

pub(super) use build::INITIALLY_DEFERRED;
pub(super) use stop::around_script;

use super::Context;
use super::blockers::BlockerMonitor;
use super::failure::position;
use super::limits::Limits;
use super::message::{Message, Purpose};
use super::preamble::{Halt, RunBookkeeping, is_strange};
use super::verify::verify;
use super::watch::{At, Pid, Underway, watch};
use crate::error::{ApplyError, Error};
use crate::history::{HistoryCursor, is_made_meanwhile};
use migrate_core::advice::Cause;
use migrate_core::engine::Progress;
use migrate_core::plan::Step;
use std::time::{Duration, Instant};
use tokio_postgres::SimpleQueryRow;

/// Applies steps that run in transaction blocks, in as few messages as possible.
///
/// `standing` follows each commit, also when a later step fails.
pub(crate) async fn apply_transactions(
    context: Context<'_>,
    steps: &[Step<'_>],
    around: RunBookkeeping<'_>,
    standing: &mut HistoryCursor,
    progress: &mut Progress<'_>,
    monitor: &mut BlockerMonitor<'_>,
) -> Result<(), Halt> {
    let cursor = Cursor { flushes: around.mode.flushes(progress.is_observed()), ..Cursor::default() };
    let mut run = Transactions {
        context,
        steps,
        around,
        standing,
        progress,
        monitor,
        cursor,
        ahead: None,
        pid: Pid::default(),
        looked: ObservedStatement::default(),
        governs: None,
        sent: Instant::now(),
    };
    while !run.is_done() {
        run.send_next().await?;
    }
    Ok(())
}

/// The progress of sending steps.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// The next step to begin.
    next: usize,
    /// A step that was begun and verified, and is to be finished.
    unfinished: Option<usize>,
    /// The number of flushes left.
    flushes: usize,
}

struct Transactions<'r, 'c, 'o, 't> {
    context: Context<'c>,
    steps: &'r [Step<'r>],
    around: RunBookkeeping<'r>,
    standing: &'r mut HistoryCursor,
    progress: &'r mut Progress<'o>,
    monitor: &'r mut BlockerMonitor<'t>,
    cursor: Cursor,
    /// The next message, built while the server executes the current one.
    ahead: Option<Built>,
    pid: Pid,
    looked: ObservedStatement,
    /// The limit that ends the statement under way, as far as the server has said so.
    governs: Option<Option<Cause>>,
    /// When the last message was sent.
    sent: Instant,
}

/// The observed effect of a rehearsed statement.
#[derive(Default)]
struct ObservedStatement {
    /// The time that it took.
    took: Duration,
    /// The rows of the query after it.
    found: Vec<SimpleQueryRow>,
    /// The constraints that a transaction begins with deferred.
    constraints: Option<String>,
}

/// A message, and where its steps leave off if all goes well.
struct Built {
    message: Message,
    cursor: Cursor,
    standing: HistoryCursor,
    limits: Limits,
}

/// A message stopped at an error.
struct BatchStopped {
    /// The number of completed statements.
    done: usize,
    error: tokio_postgres::Error,
}

impl Transactions<'_, '_, '_, '_> {
    fn is_done(&self) -> bool {
        self.is_end(self.cursor)
    }

    fn is_end(&self, cursor: Cursor) -> bool {
        cursor.next == self.steps.len() && cursor.unfinished.is_none()
    }

    /// Sends the next message, and what must be known before the one after it.
    async fn send_next(&mut self) -> Result<(), Halt> {
        let before = self.cursor;
        let built = self.ahead.take();
        let mut built = built.unwrap_or_else(|| self.build(before, *self.standing, usize::MAX));
        self.cursor = built.cursor;
        if !self.around.mode.commits() {
            self.send_pieces(&built).await?;
        } else if let Err(stopped) = self.send(&built).await {
            self.ahead = None;
            let message = &built.message;
            match message.purpose(stopped.done) {
                // All is done and committed; the lock goes with its session.
                Some(Purpose::Release) => {
                    *self.around.released = Some(false);
                    return Ok(());
                }
                Some(Purpose::Server) if is_strange(&stopped.error) => {
                    drop(self.context.client.batch_execute("ROLLBACK").await);
                    return Err(Error::OtherServer.into_apply().into());
                }
                Some(Purpose::Guard) if is_strange(&stopped.error) => {
                    self.cursor = before;
                    return Err(Halt::SessionChanged(stopped.error));
                }
                Some(Purpose::Create) if is_made_meanwhile(&stopped.error) => {
                    self.cursor = before;
                    return Err(Halt::SessionChanged(stopped.error));
                }
                _ => {}
            }
            // The server parses a message before it runs any of it: a syntax error in the third migration keeps the
            // first two from running. They are sent without it; then it is the first one of its message.
            let Some(steps_before_parse_error) = self.steps_before_parse_error(message, before, &stopped)
            else {
                return Err(self.stop(&built, stopped).await.into());
            };
            built = self.build(before, *self.standing, steps_before_parse_error);
            self.cursor = built.cursor;
            if let Err(stopped) = self.send(&built).await {
                return Err(self.stop(&built, stopped).await.into());
            }
        }
        if let Some(step) = self.cursor.unfinished {
            let step = &self.steps[step];
            let underway = Underway { step, at: At::Around };
            let bound = if step.verify.is_some() { self.bound(step, step.verify)? } else { None };
            let limits = self.limits_of_step();
            let verifying = verify(&self.context, step, bound, limits);
            let verified = watch(verifying, underway, &self.pid, self.monitor, self.progress).await;
            if let Err(failure) = verified {
                self.record(step, &failure).await;
                return Err(ApplyError::Failed(failure).into());
            }
        }
        Ok(())
    }

    /// The number of steps before the one that keeps a message from being parsed.
    fn steps_before_parse_error(
        &self,
        message: &Message,
        before: Cursor,
        stopped: &BatchStopped,
    ) -> Option<usize> {
        if stopped.done > 0 || stopped.error.as_db_error().is_none() {
            return None;
        }
        let failing_step =
            position(&stopped.error).and_then(|position| message.locate(position)).map(|spot| spot.part.step);
        let steps = failing_step.unwrap_or(before.next).saturating_sub(before.next);
        let sent = self.cursor.next - before.next;
        match failing_step {
            Some(_) if steps > 0 || before.unfinished.is_some() => Some(steps),
            // No place is known: one by one.
            None if sent > 1 => Some(1),
            _ => None,
        }
    }
}
