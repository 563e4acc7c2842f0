//! The error of a seed.

use migrate_core::advice::{Advice, Call, Explain, Left, NextStep};
use migrate_core::display::printable::Printable;
use migrate_core::engine::error::Failure;
use std::fmt;

/// A seed that failed. It is rolled back; the seeds before it stay.
#[non_exhaustive]
pub struct SeedFailure {
    /// The place in its file, and the server's error.
    pub failure: Box<Failure>,
    /// The seeds that the same call had run before it.
    pub earlier: Vec<String>,
}

impl SeedFailure {
    pub(crate) fn new(failure: Failure, earlier: Vec<String>) -> SeedFailure {
        SeedFailure { failure: Box::new(failure), earlier }
    }

    /// The name of the seed.
    pub fn name(&self) -> &str {
        &self.failure.name
    }
}

migrate_core::display_as_explained!(SeedFailure);

impl Explain for SeedFailure {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        let Failure { name, place, message, code, detail, hint, .. } = &*self.failure;
        write!(f, "the seed {name} failed")?;
        if let Some(place) = place {
            write!(f, " at {}:{}:{}", place.path, place.line, place.column)?;
        }
        write!(f, ": {message}")?;
        if let Some(code) = code {
            write!(f, " (SQLSTATE {code})")?;
        }
        for (word, text) in [("detail", detail), ("hint", hint)] {
            if let Some(text) = text {
                write!(f, "\n{word}: {text}")?;
            }
        }
        Ok(())
    }

    fn left(&self) -> Left {
        match (self.failure.left, self.earlier.len()) {
            (Left::Nothing, 0) => Left::Nothing,
            (Left::Nothing, done) => Left::Steps { done },
            (left, _) => left,
        }
    }

    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        let name = self.name();
        match self.failure.left {
            Left::Nothing => write!(f, "\ndatabase: {name} left nothing behind")?,
            _ => write!(f, "\ndatabase: {name} may be done; if it is, it is recorded")?,
        }
        match self.earlier.as_slice() {
            [] => Ok(()),
            earlier => write!(f, "; the seeds before it stay: {}", earlier.join(", ")),
        }
    }

    fn advice(&self) -> Advice {
        self.failure.remedy().then(NextStep::call(Call::Seed, "seed again"))
    }
}
