//! The outcome of one assertion.

use migrate_core::display::printable::Printable;
use std::fmt;
use std::time::Duration;

/// The outcome of one assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionOutcome {
    /// It is true.
    Passed,
    /// It is false: a statement returned rows, and not a single true.
    #[non_exhaustive]
    Failed {
        /// The line of the statement.
        line: u32,
        /// The column of the statement.
        column: u32,
        /// The number of rows that it returned.
        rows: u64,
        /// The names of the columns that it returned.
        columns: Vec<String>,
        /// The names of the columns whose values are in `keys`: those that the header names as `key`.
        key: Vec<String>,
        /// The values of these columns in the first few rows; `None` for NULL.
        keys: Vec<Vec<Option<String>>>,
    },
    /// It was not checked.
    #[non_exhaustive]
    Skipped {
        /// The reason.
        reason: SkipReason,
    },
    /// A statement took longer than its limit.
    #[non_exhaustive]
    TimedOut {
        /// The line of the statement.
        line: u32,
        /// The column of the statement.
        column: u32,
        /// The limit.
        limit: Duration,
    },
    /// The server refused a statement, or the key is not among the columns.
    #[non_exhaustive]
    Error {
        /// The line of the error.
        line: u32,
        /// The column of the error.
        column: u32,
        /// The SQLSTATE, if the error is the server's.
        sqlstate: Option<String>,
        /// The message. If it may contain a value of a row, only the kind of error.
        message: String,
    },
}

/// The reason why an assertion was not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// `since=`: this version is not applied yet.
    NotYet {
        /// The version, as written.
        version: String,
    },
    /// `until=`: this version is applied.
    NoLonger {
        /// The version, as written.
        version: String,
    },
}

impl AssertionOutcome {
    /// A stable word for logs and JSON: `passed`, `failed`, `skipped`, `timed_out` or `error`.
    pub fn word(&self) -> &'static str {
        match self {
            AssertionOutcome::Passed => "passed",
            AssertionOutcome::Failed { .. } => "failed",
            AssertionOutcome::Skipped { .. } => "skipped",
            AssertionOutcome::TimedOut { .. } => "timed_out",
            AssertionOutcome::Error { .. } => "error",
        }
    }

    /// True if the assertion is false, or could not be checked.
    pub fn is_broken(&self) -> bool {
        !matches!(self, AssertionOutcome::Passed | AssertionOutcome::Skipped { .. })
    }

    /// The line and the column of the statement or the error, if there is one.
    pub fn place(&self) -> Option<(u32, u32)> {
        match self {
            AssertionOutcome::Failed { line, column, .. }
            | AssertionOutcome::TimedOut { line, column, .. }
            | AssertionOutcome::Error { line, column, .. } => Some((*line, *column)),
            AssertionOutcome::Passed | AssertionOutcome::Skipped { .. } => None,
        }
    }
}

/// Formats the details, without the word for the outcome.
impl fmt::Display for AssertionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        match self {
            AssertionOutcome::Passed => Ok(()),
            AssertionOutcome::Failed { rows, columns, key, keys, .. } => {
                let s = if *rows == 1 { "" } else { "s" };
                write!(
                    f,
                    "returned {rows} row{s} ({}); expected no row or a single true",
                    columns.join(", ")
                )?;
                let more = if (keys.len() as u64) < *rows { ", …" } else { "" };
                let keys: Vec<String> = keys.iter().map(|row| shown_key(key, row)).collect();
                if keys.is_empty() { Ok(()) } else { write!(f, ": {}{more}", keys.join(", ")) }
            }
            AssertionOutcome::Skipped { reason: SkipReason::NotYet { version } } => {
                write!(f, "{version} is not applied yet")
            }
            AssertionOutcome::Skipped { reason: SkipReason::NoLonger { version } } => {
                write!(f, "{version} is applied")
            }
            AssertionOutcome::TimedOut { limit, .. } => write!(f, "stopped at its limit of {limit:?}"),
            AssertionOutcome::Error { sqlstate: Some(code), message, .. } => {
                write!(f, "{message} (SQLSTATE {code})")
            }
            AssertionOutcome::Error { sqlstate: None, message, .. } => f.write_str(message),
        }
    }
}

/// The key of a row: `id 7`, `(tenant_id, id) (1, 7)`.
fn shown_key(key: &[String], values: &[Option<String>]) -> String {
    let values: Vec<&str> = values.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
    match (key, values.as_slice()) {
        ([name], [value]) => format!("{name} {value}"),
        _ => format!("({}) ({})", key.join(", "), values.join(", ")),
    }
}
