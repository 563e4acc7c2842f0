//! The beginning of a run's first message, and the end of its last one.

use super::mode::Mode;
use crate::error::ApplyError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::error::SqlState;

/// The statements before the first step, until they have succeeded.
#[derive(Debug, Default)]
pub(crate) struct Preamble {
    /// Ends in a query that fails on another server than the one that the lock is held on.
    pub(crate) same_server: Option<Vec<String>>,
    /// True once the first message was answered, with success or not: a server works for the run.
    pub(crate) is_answered: Arc<AtomicBool>,
    /// Ends in a query that fails in a session of another state than the one that was asked.
    pub(crate) guard: Option<Vec<String>>,
    /// Makes the history's table.
    pub(crate) create: Option<Vec<String>>,
}

impl Preamble {
    /// The first message was answered.
    pub(crate) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }
}

/// The statements and settings around the steps of a run.
pub(crate) struct RunBookkeeping<'a> {
    /// The statements before the first step.
    pub(crate) preamble: &'a mut Preamble,
    /// True if they are the run's last steps.
    pub(crate) last_of_run: bool,
    /// The query that gives the lock back behind the last of them.
    pub(crate) release: Option<&'a str>,
    /// The result of that query.
    pub(crate) released: &'a mut Option<bool>,
    /// The mode in which they are executed.
    pub(crate) mode: Mode<'a>,
}

/// The reason why steps were not executed.
pub(crate) enum Halt {
    /// Session or database are not as they were when they were asked about: nothing was done.
    SessionChanged(tokio_postgres::Error),
    /// A step failed.
    Apply(ApplyError),
}

impl From<ApplyError> for Halt {
    fn from(error: ApplyError) -> Halt {
        Halt::Apply(error)
    }
}

/// True if an error is that of the preamble's guard.
pub(crate) fn is_strange(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::DIVISION_BY_ZERO)
}
