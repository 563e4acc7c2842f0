//! The reasons why a folder is not rewritten.

use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::display::printable::Printable;
use std::fmt;

/// The reason why a folder is not rewritten.
#[derive(Debug)]
pub(crate) enum RewriteProblem {
    /// Which migrations are applied is not known.
    NothingApplied,
    /// A migration to divide has a version that is not a number, such as `v1_init`.
    Version {
        /// The migration.
        name: String,
    },
    /// A file that belongs to no migration, or to another one, has the name of a new file.
    Exists {
        /// The path.
        path: String,
    },
    /// A migration's folder that moves holds something other than files.
    NotAFile {
        /// The path.
        path: String,
    },
    /// The layout would read the new files in another order.
    Order {
        /// The order in which they would be read.
        found: String,
        /// The intended order.
        expected: String,
    },
}

impl Explain for RewriteProblem {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            RewriteProblem::NothingApplied => {
                f.write_str("it is not known which migrations are applied, and their files must not change")
            }
            RewriteProblem::Version { name } => {
                write!(
                    f,
                    "the version of `{name}` is not a number, so the migrations in its place can't be numbered"
                )
            }
            RewriteProblem::Exists { path } => {
                write!(f, "a new file would overwrite `{path}`")
            }
            RewriteProblem::NotAFile { path } => {
                write!(f, "the folder of a migration has to be renamed, but `{path}` in it is not a file")
            }
            RewriteProblem::Order { found, expected } => {
                write!(f, "the new files would be read in the order {found} instead of {expected}")
            }
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        match self {
            RewriteProblem::NothingApplied => {
                Advice::fix("name the last applied migration with --since VERSION")
                    .or(NextStep::fix("give facts about the database with --facts FILE"))
            }
            RewriteProblem::Version { .. } => {
                Advice::fix("give the migration a version of digits, and repeat the command")
            }
            RewriteProblem::Exists { .. } => Advice::fix("rename that file"),
            RewriteProblem::NotAFile { .. } => {
                Advice::fix("move it out of the folder, and repeat the command")
            }
            RewriteProblem::Order { .. } => {
                Advice::fix("give the migrations versions of the same length, and repeat the command")
            }
        }
    }
}
