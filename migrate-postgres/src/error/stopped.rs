//! The error of a run that stopped after it had committed something.

use super::Error;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::display::printable::Printable;
use migrate_core::engine::Committed;
use std::fmt;

/// A run that stopped between migrations, or between the statements of one, after it had committed something.
#[non_exhaustive]
pub struct StoppedRun {
    /// The committed work: the report of its steps, and the migration that it stopped at.
    pub committed: Committed,
    /// The error that stopped it, which by itself tells nothing of what the run had committed.
    pub error: Error,
}

impl StoppedRun {
    pub(super) fn new(committed: Committed, error: Error) -> StoppedRun {
        StoppedRun { committed, error }
    }
}

migrate_core::display_as_explained!(StoppedRun);

impl std::error::Error for StoppedRun {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl Explain for StoppedRun {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        self.error.fact(f)
    }

    fn left(&self) -> Left {
        self.committed.left(self.error.left())
    }

    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        self.committed.write(f, self.error.left())
    }

    fn details(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        self.error.details(f)
    }

    fn advice(&self) -> Advice {
        self.error.advice().then(NextStep::Again(self.committed.again()))
    }
}
