//! The state of the database after an error.

use std::fmt;

/// The changes that an error leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Left {
    /// Nothing was changed; a failed migration was rolled back.
    Nothing,
    /// The whole failed migration: it is applied, and only its verification failed.
    Applied,
    /// The migration runs statement by statement: `done` of them are committed, and the next run resumes
    /// after them.
    Statements {
        /// The number of statements that are certainly done.
        done: usize,
        /// The number of its statements.
        total: usize,
    },
    /// The migration runs statement by statement: `done` of them are committed, and only an operator can
    /// determine whether the next one is done.
    InDoubt {
        /// The number of statements that are certainly done.
        done: usize,
        /// The number of its statements.
        total: usize,
    },
    /// The migration is Rust code that was not run in one transaction: what it committed stays, and the next run runs
    /// it again from its beginning.
    Code,
    /// The first steps of the run: they are committed.
    Steps {
        /// The number of finished steps.
        done: usize,
    },
    /// Unknown: the migrations that the run committed stay, and the next run determines the state of the last
    /// one.
    Unknown,
}

impl Left {
    /// The identifier for JSON and for labels.
    pub fn word(self) -> &'static str {
        match self {
            Left::Nothing => "nothing",
            Left::Applied => "applied",
            Left::Statements { .. } => "statements",
            Left::InDoubt { .. } => "in_doubt",
            Left::Code => "code",
            Left::Steps { .. } => "steps",
            Left::Unknown => "unknown",
        }
    }

    /// The number of finished statements or steps, and the total number of statements, if known.
    pub fn counts(self) -> (Option<usize>, Option<usize>) {
        match self {
            Left::Statements { done, total } | Left::InDoubt { done, total } => (Some(done), Some(total)),
            Left::Steps { done } => (Some(done), None),
            Left::Nothing | Left::Applied | Left::Code | Left::Unknown => (None, None),
        }
    }

    /// True if an operator has to decide whether a statement was done.
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
            Left::Code => f.write_str("what its code committed stays"),
            Left::Steps { done } => write!(f, "{done} of its steps are done"),
            Left::Unknown => f.write_str("committed migrations stay"),
        }
    }
}
