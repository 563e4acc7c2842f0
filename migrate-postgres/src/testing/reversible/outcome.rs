//! The outcome of a round trip: each migration that was tried, and each problem.

use crate::Error;
use crate::assertion::Assertions;
use crate::schema::catalog::Differences;
use migrate_core::advice::fact;
use std::fmt;

/// The result of a [`RoundTrip`](super::RoundTrip); [`Display`](fmt::Display) shows the problems, migration by migration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reversible {
    /// The tested migrations, in order.
    pub migrations: Vec<TriedMigration>,
    /// The number of migrations that were not tested because an earlier one could not be applied.
    pub not_tried: usize,
    /// The results of the set's assertions, after all migrations; none if one could not be applied.
    pub assertions: Assertions,
}

/// A tested migration.
#[derive(Debug)]
#[non_exhaustive]
pub struct TriedMigration {
    /// The migration's name.
    pub name: String,
    /// Its problems.
    pub problems: Vec<ReversibleProblem>,
    /// The reason why it is irreversible, if it [may be](super::RoundTrip::allow_irreversible).
    pub irreversible: Option<Irreversible>,
}

/// The reason why a migration is irreversible.
#[derive(Debug)]
#[non_exhaustive]
pub enum Irreversible {
    /// It has no down script.
    NoDown,
    /// Its down script fails.
    DownFails {
        /// The error.
        error: Error,
    },
}

/// A problem of a migration.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReversibleProblem {
    /// It can't be applied.
    Up {
        /// The error.
        error: Error,
    },
    /// It has no down script.
    NoDown,
    /// Its down script fails.
    Down {
        /// The error.
        error: Error,
    },
    /// Its down script leaves a schema that differs from the one before.
    Left {
        /// The changes from the schema before to the one left.
        differences: Differences,
    },
    /// It can't be applied again after it was reverted.
    UpAgain {
        /// The error.
        error: Error,
    },
    /// The second application makes a different schema.
    Other {
        /// The changes from the first schema to the second.
        differences: Differences,
    },
}

impl Reversible {
    /// True if all migrations were tested without a problem, and each assertion of the set is true afterwards.
    pub fn is_reversible(&self) -> bool {
        self.not_tried == 0
            && self.migrations.iter().all(|tried| tried.problems.is_empty())
            && self.assertions.hold()
    }
}

impl fmt::Display for ReversibleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match self {
            ReversibleProblem::Up { error } => write!(f, "can't be applied: {}", fact(error)),
            ReversibleProblem::NoDown => f.write_str(
                "has no down script\nnext: write one, or allow it to have none with `allow_irreversible`",
            ),
            ReversibleProblem::Down { error } => write!(
                f,
                "has a down script that fails: {}\nnext: correct it, or allow it to fail with `allow_irreversible`",
                fact(error)
            ),
            ReversibleProblem::Left { differences } => {
                write!(
                    f,
                    "is not undone by its down script, which leaves, compared with before:\n{differences}"
                )
            }
            ReversibleProblem::UpAgain { error } => {
                write!(f, "can't be applied again after its down script: {}", fact(error))
            }
            ReversibleProblem::Other { differences } => {
                write!(f, "makes a different schema the second time, compared with the first:\n{differences}")
            }
        }
    }
}

impl fmt::Display for Reversible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        let mut line_feed = "";
        for tried in &self.migrations {
            for problem in &tried.problems {
                let text = problem.to_string().replace('\n', "\n  ");
                write!(f, "{line_feed}{} {text}", tried.name)?;
                line_feed = "\n";
            }
        }
        for broken in self.assertions.broken() {
            write!(f, "{line_feed}{broken}")?;
            line_feed = "\n";
        }
        if self.not_tried > 0 {
            write!(f, "{line_feed}{} after it not tested", migrations(self.not_tried))?;
        } else if line_feed.is_empty() {
            write!(f, "{} can be reverted and applied again", migrations(self.migrations.len()))?;
        }
        Ok(())
    }
}

fn migrations(count: usize) -> String {
    if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") }
}
