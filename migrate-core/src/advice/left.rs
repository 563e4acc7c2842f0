//! The state of the database after an error.

use std::fmt;

/// The changes that an error leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Left {
    /// Nothing was changed; a migration that failed was rolled back.
    Nothing,
    /// All of the migration that failed: it is applied, and was only verified.
    Applied,
    /// The migration runs statement by statement: `done` of them are committed, and the next run resumes after them.
    Statements {
        /// The number of statements that are known to be done.
        done: usize,
        /// The number of statements it has.
        total: usize,
    },
    /// The migration runs statement by statement: `done` of them are committed, and only a person can tell whether the next one is
    /// done.
    InDoubt {
        /// The number of statements that are known to be done.
        done: usize,
        /// The number of statements it has.
        total: usize,
    },
    /// The first steps of the run: they are committed.
    Steps {
        /// The number of steps that are done.
        done: usize,
    },
    /// Nothing of the migration, but the migrations that the run took before it are committed.
    Earlier,
    /// It is not known: the migrations that the run had committed stay, and the next run finds out about the last one.
    Unknown,
}

impl Left {
    /// A word for JSON and for labels.
    pub fn word(self) -> &'static str {
        match self {
            Left::Nothing => "nothing",
            Left::Applied => "applied",
            Left::Statements { .. } => "statements",
            Left::InDoubt { .. } => "in_doubt",
            Left::Steps { .. } => "steps",
            Left::Earlier => "earlier",
            Left::Unknown => "unknown",
        }
    }

    /// The number of statements or steps that are done, and that of all statements, as far as it tells them.
    pub fn counts(self) -> (Option<usize>, Option<usize>) {
        match self {
            Left::Statements { done, total } | Left::InDoubt { done, total } => (Some(done), Some(total)),
            Left::Steps { done } => (Some(done), None),
            Left::Nothing | Left::Applied | Left::Earlier | Left::Unknown => (None, None),
        }
    }

    /// True if a person has to decide whether a statement was done.
    pub fn is_in_doubt(self) -> bool {
        matches!(self, Left::InDoubt { .. })
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Nothing => f.write_str("nothing was changed"),
            Left::Applied => f.write_str("it is applied"),
            Left::Statements { done, total } => {
                write!(f, "{done} of {total} statements are done and committed")
            }
            Left::InDoubt { done, total } => write!(
                f,
                "{done} of {total} statements are done and committed; statement {} may or may not have been done",
                done + 1
            ),
            Left::Steps { done } => write!(f, "{done} of its steps are done"),
            Left::Earlier => f.write_str("nothing of it was done; earlier migrations stay"),
            Left::Unknown => f.write_str("committed migrations stay"),
        }
    }
}
