//! The errors of a run.

mod failure;

pub use failure::{ErrorNames, Failure, Place};

use crate::engine::Holder;
use crate::engine::committed::Committed;
use crate::plan::Refused;
use std::time::Duration;

/// The error of a backend, which can hold the errors of the engine.
pub trait RunError: std::error::Error + From<Refused> + From<Box<Failure>> + Send + Sync + 'static {
    /// Another run held the migration lock for longer than this run was allowed to wait. Nothing was changed.
    fn lock_wait(waited: Duration, holder: Holder) -> Self;

    /// The lock was lost, so the run stopped.
    fn lock_lost() -> Self;

    /// The error of a run that stopped after it had committed something: it holds that, and says so.
    #[must_use]
    fn after(self, committed: Committed) -> Self;

    /// The fact alone, for a notice of a run that goes on or has ended: the state of the database and the next
    /// steps are those of a run that stopped.
    fn fact(&self) -> String;

    /// The failure of a migration, if the error is one.
    fn failure(&self) -> Option<&Failure>;
}

/// The error of [`crate::engine::Locked::apply`].
#[derive(Debug)]
pub enum ApplyError<E> {
    /// A step failed, and was rolled back or stopped at its checkpoint.
    Failed(Box<Failure>),
    /// A step hit a lock timeout or a deadlock and was rolled back: it may be retried.
    Contended(Box<Failure>),
    /// The lock was lost: another run may have begun.
    LockLost,
    /// The history changed after the steps were planned: a run that lost its client is still finishing on the
    /// server. Nothing of the next step was done. The error is reported if the history turns out to be
    /// unchanged.
    HistoryChanged(E),
    /// Another writer, such as another tool, is using the history, and the run waits for it. Nothing of the
    /// next step was done.
    ForeignToolActive(E),
    /// No connection is available, and nothing of any step was done. The run releases the lock and retries
    /// within its `lock_wait`; it reports the error if that does not help.
    Crowded(E),
    /// Something other than a step failed.
    Other(E),
}

impl<E: RunError> ApplyError<E> {
    /// The failure of a step.
    ///
    /// # Errors
    ///
    /// The error, if something other than a step failed.
    pub fn into_failure(self) -> Result<Box<Failure>, E> {
        match self {
            ApplyError::Failed(failure) | ApplyError::Contended(failure) => Ok(failure),
            ApplyError::LockLost => Err(E::lock_lost()),
            ApplyError::HistoryChanged(error)
            | ApplyError::ForeignToolActive(error)
            | ApplyError::Crowded(error)
            | ApplyError::Other(error) => Err(error),
        }
    }
}

impl<E: RunError> ApplyError<E> {
    /// The error of a run with what it had committed. This is the only way out of the steps of a run, so that
    /// no error loses the report or claims that nothing was changed.
    pub(super) fn after(self, committed: Committed) -> E {
        let error = match self {
            ApplyError::Failed(mut failure) | ApplyError::Contended(mut failure) => {
                if committed.part.as_ref().is_some_and(|part| part.version == failure.version) {
                    failure.left = committed.left(failure.left);
                }
                failure.report = committed.report;
                return failure.into();
            }
            ApplyError::LockLost => E::lock_lost(),
            ApplyError::HistoryChanged(error)
            | ApplyError::ForeignToolActive(error)
            | ApplyError::Crowded(error)
            | ApplyError::Other(error) => error,
        };
        if committed.is_nothing() { error } else { error.after(committed) }
    }
}

impl<E> From<E> for ApplyError<E> {
    fn from(error: E) -> ApplyError<E> {
        ApplyError::Other(error)
    }
}
