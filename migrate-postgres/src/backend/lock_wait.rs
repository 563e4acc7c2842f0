//! The wait for the migration lock, of calls that are not runs.

use crate::error::Error;
use crate::history::settings::RunSettings;
use migrate_core::engine::{Backoff, Holder};
use std::time::{Duration, Instant};

/// The shortest pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The wait for the migration lock, with the limits of a run.
pub(crate) struct LockWait {
    began: Instant,
    limit: Duration,
    backoff: Backoff,
}

impl LockWait {
    pub(crate) fn new(settings: &RunSettings) -> LockWait {
        let backoff = Backoff::new(FIRST_PAUSE, settings.engine.poll);
        LockWait { began: Instant::now(), limit: settings.engine.lock_wait, backoff }
    }

    /// The pause before the next attempt, after one that found the lock held.
    ///
    /// # Errors
    ///
    /// If the wait is over.
    pub(crate) fn held(&mut self, holder: Holder) -> Result<Duration, Error> {
        self.pause(|waited| Error::LockWait { waited, holder })
    }

    /// The pause after an attempt for which no connection was left.
    ///
    /// # Errors
    ///
    /// If the wait is over.
    pub(crate) fn crowded(&mut self, error: Error) -> Result<Duration, Error> {
        self.pause(|_| error)
    }

    fn pause(&mut self, error: impl FnOnce(Duration) -> Error) -> Result<Duration, Error> {
        let waited = self.began.elapsed();
        match self.limit.checked_sub(waited).filter(|left| !left.is_zero()) {
            Some(left) => Ok(self.backoff.pause().min(left)),
            None => Err(error(waited)),
        }
    }
}
