//! The steps of a plan: taking them, and retrying them.

use super::run::{TELL_WAITING_EVERY, decide_run};
use super::{Backoff, Progress, Settings};
use crate::advice::Cause;
use crate::engine::error::{ApplyError, RunError};
use crate::engine::event::Event;
use crate::engine::{Holder, Locked};
use crate::history::HistoryState;
use crate::plan::{self, Plan, Steps};
use crate::set::Set;
use std::time::{Duration, Instant};

/// The minimum number of times that the steps are decided again after the history changed. The other writer
/// may take as long as a run waits for another one.
const MOST_MOVES: u32 = 50;

/// The steps of a run in progress.
pub(super) struct Stepping<'s, 'r> {
    pub(super) set: &'s Set,
    pub(super) plan: &'r dyn Plan,
    pub(super) settings: &'r Settings,
    pub(super) decided: Steps<'s>,
    pub(super) state: HistoryState,
}

impl Stepping<'_, '_> {
    /// Takes the steps, and retries those that hit lock timeouts until their budget is used up.
    pub(super) async fn take<E: RunError>(
        &mut self,
        locked: &mut dyn Locked<Error = E>,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError<E>> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut trying = (0, Instant::now());
        let (mut taken, mut moves, began) = (0, 0, Instant::now());
        let mut told: Option<Instant> = None;
        let mut due = plan::due(&self.decided.steps);
        progress.resume(&self.decided.steps, &self.state);
        loop {
            let before = progress.done_count();
            progress.set_followed(due < self.decided.steps.len());
            let applied = locked.apply(&self.decided.steps[taken..due], &self.state, progress).await;
            taken += progress.done_count() - before;
            if trying.0 != progress.done_count() {
                // Another migration is blocked now: it has its own budget.
                trying = (progress.done_count(), Instant::now());
                backoff.reset();
            }
            let (error, may_wait) = match applied {
                Ok(()) if due == self.decided.steps.len() => return Ok(()),
                Ok(()) => {
                    self.hold_back(due, locked, progress).await?;
                    (taken, due) = (0, plan::due(&self.decided.steps));
                    if self.decided.steps.is_empty() {
                        return Ok(());
                    }
                    continue;
                }
                Err(
                    stopped @ (ApplyError::Crowded(_)
                    | ApplyError::Failed(_)
                    | ApplyError::LockLost
                    | ApplyError::Other(_)),
                ) => return Err(stopped),
                Err(ApplyError::Contended(mut failure)) => {
                    failure.attempts = progress.count_attempt();
                    let pause = backoff.pause();
                    if trying.1.elapsed() + pause > self.settings.retry {
                        return Err(ApplyError::Failed(failure));
                    }
                    if let Some(limit) =
                        self.settings.run_limit.filter(|limit| progress.age() + pause > *limit)
                    {
                        failure.message = format!(
                            "{}; the run's limit of {limit:?} leaves no time to try again",
                            failure.message
                        );
                        failure.cause = Some(Cause::RunLimit);
                        return Err(ApplyError::Failed(failure));
                    }
                    let attempts = failure.attempts;
                    progress.observer().event(&Event::Retrying { failure: &failure, attempts, pause });
                    locked.pause(pause).await;
                    // The failed attempt left a row, and the steps before it left theirs.
                    self.state = locked.load().await?;
                    progress.resume(&self.decided.steps[taken..due], &self.state);
                    continue;
                }
                Err(ApplyError::HistoryChanged(error)) => (error, false),
                Err(ApplyError::ForeignToolActive(error)) => (error, true),
            };
            moves += 1;
            let gives_up = moves > MOST_MOVES && began.elapsed() > self.settings.lock_wait;
            if !self.plan.may_replan() || gives_up {
                return Err(ApplyError::LockLost);
            }
            // A writer that changed the history once is most likely done by now.
            if moves > 1 && told.is_none_or(|told| told.elapsed() >= TELL_WAITING_EVERY) {
                told = Some(Instant::now());
                let (waited, holder) = (began.elapsed(), &Holder::default());
                progress.observer().event(&Event::WaitingForLock { waited, holder });
            }
            locked.pause(backoff.pause()).await;
            let found = locked.load().await?;
            let is_moved = found != self.state;
            if !is_moved && (!may_wait || trying.1.elapsed() > self.settings.retry) {
                return Err(ApplyError::Other(error));
            }
            self.state = found;
            self.decided =
                decide_run(self.plan, self.set, &self.state, &self.settings.policies).map_err(E::from)?;
            (taken, due) = (0, plan::due(&self.decided.steps));
            progress.resume(&self.decided.steps, &self.state);
            progress.expect(self.decided.steps.len());
        }
    }

    /// Takes the migrations that wait for a backfill that was begun among the first `done` steps out of the
    /// rest, which are the steps from now on.
    async fn hold_back<E: RunError>(
        &mut self,
        done: usize,
        locked: &mut dyn Locked<Error = E>,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError<E>> {
        self.state = locked.load().await?;
        let mut rest = self.decided.steps.split_off(done);
        let held = plan::hold_back(self.set, &self.state, &mut rest, &self.settings.policies);
        held.map_err(E::from)?.into_iter().for_each(|notice| progress.noticed(notice));
        progress.resume(&rest, &self.state);
        progress.expect(rest.len());
        self.decided.steps = rest;
        Ok(())
    }
}
