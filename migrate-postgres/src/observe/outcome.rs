//! Outcomes of a run, in words that telemetry can group by.

use crate::error::{Error, ErrorClass};
#[cfg(feature = "metrics")]
use migrate_core::Report;

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The run did something.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "spans only tell of errors"))]
    Done,
    /// The run had nothing to do.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "spans only tell of errors"))]
    NothingToDo,
    /// History and set contradict each other, or the request is impossible.
    Refused,
    /// Another session held the migration lock for too long.
    LockNotGot,
    /// A migration failed.
    Failed,
    /// Any other failure, for example no connection.
    Error,
    /// The run's future was dropped.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "spans only tell of errors"))]
    Dropped,
}

impl Outcome {
    /// All outcomes.
    #[cfg(feature = "metrics")]
    pub(crate) const ALL: [Outcome; 7] = [
        Outcome::Done,
        Outcome::NothingToDo,
        Outcome::Refused,
        Outcome::LockNotGot,
        Outcome::Failed,
        Outcome::Error,
        Outcome::Dropped,
    ];

    #[cfg(feature = "metrics")]
    pub(crate) fn of(run: &Result<Report, Error>) -> Outcome {
        match run {
            Ok(report) if report.is_noop() => Outcome::NothingToDo,
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::of_error(error),
        }
    }

    pub(crate) fn of_error(error: &Error) -> Outcome {
        match error.class() {
            ErrorClass::Refused => Outcome::Refused,
            ErrorClass::Locked => Outcome::LockNotGot,
            ErrorClass::Failed => Outcome::Failed,
            ErrorClass::Drift | ErrorClass::Backup | ErrorClass::Other => Outcome::Error,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::NothingToDo => "nothing_to_do",
            Outcome::Refused => "refused",
            Outcome::LockNotGot => "lock_not_got",
            Outcome::Failed => "failed",
            Outcome::Error => "error",
            Outcome::Dropped => "dropped",
        }
    }
}
