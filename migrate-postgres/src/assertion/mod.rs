//! Assertions: conditions that must hold in a database, and the results of their checks.
//!
//! A file of the folder `assertions` states what is true whichever migration made it so:
//!
//! ```sql
//! -- migrate: since=0007 key=id statement_timeout=5s
//! SELECT id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers);
//! ```
//!
//! [`Migrator::assert`](crate::Migrator::assert) checks them all and returns the results as data. No value of
//! a row is in them, except those of the columns that the header names as `key`, and so none gets into a log,
//! a page or the answer of a readiness route.

mod outcome;

pub use outcome::{AssertionOutcome, SkipReason};

use migrate_core::Report;
use migrate_core::display::printable::Printable;
use std::fmt;
use std::time::Duration;

/// The results of all assertions of a set.
///
/// [`Display`](fmt::Display) gives a line for each that is not true, and a summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assertions {
    /// The results, in the order of the files' names.
    pub results: Vec<AssertionResult>,
}

/// The result of one assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssertionResult {
    /// The name: that of its file, without the ending.
    pub name: String,
    /// The file: `assertions/<name>.sql`.
    pub path: String,
    /// The outcome.
    pub outcome: AssertionOutcome,
    /// Its duration, by this machine's clock.
    pub took: Duration,
}

impl Assertions {
    pub(crate) fn new(results: Vec<AssertionResult>) -> Assertions {
        Assertions { results }
    }

    /// True if each assertion that was checked is true. One that could not be checked, because of an error or
    /// its time limit, is not.
    ///
    /// ```
    /// use migrate_postgres::Assertions;
    ///
    /// assert!(Assertions::default().hold());
    /// ```
    pub fn hold(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The assertions that are false, and those that could not be checked.
    pub fn broken(&self) -> impl Iterator<Item = &AssertionResult> {
        self.results.iter().filter(|result| result.outcome.is_broken())
    }

    /// The number of assertions that passed.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| result.outcome == AssertionOutcome::Passed).count()
    }

    /// The number of assertions that were left out, because of `since` or `until`.
    pub fn skipped(&self) -> usize {
        let is_skipped =
            |result: &&AssertionResult| matches!(result.outcome, AssertionOutcome::Skipped { .. });
        self.results.iter().filter(is_skipped).count()
    }

    /// The summary: `4 assertions hold, 1 does not, 2 were skipped`.
    pub fn summary(&self) -> String {
        if self.results.is_empty() {
            return "there are no assertions".to_owned();
        }
        let (passed, broken, skipped) = (self.passed(), self.broken().count(), self.skipped());
        let hold = match passed {
            1 => "1 assertion holds".to_owned(),
            passed => format!("{passed} assertions hold"),
        };
        let count = |count: usize, one: &str, many: &str| match count {
            0 => String::new(),
            1 => format!(", 1 {one}"),
            count => format!(", {count} {many}"),
        };
        format!(
            "{hold}{}{}",
            count(broken, "does not", "do not"),
            count(skipped, "was skipped", "were skipped")
        )
    }
}

impl AssertionResult {
    pub(crate) fn new(name: &str, path: &str, outcome: AssertionOutcome, took: Duration) -> AssertionResult {
        AssertionResult { name: name.to_owned(), path: path.to_owned(), outcome, took }
    }
}

impl fmt::Display for AssertionResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        write!(f, "{} {}", self.name, self.outcome.word().replace('_', " "))?;
        match self.outcome.place() {
            Some((line, column)) => write!(f, " at {}:{line}:{column}: ", self.path)?,
            None if self.outcome == AssertionOutcome::Passed => return Ok(()),
            None => f.write_str(": ")?,
        }
        write!(f, "{}", self.outcome)
    }
}

impl fmt::Display for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in self.broken() {
            writeln!(f, "{result}")?;
        }
        f.write_str(&self.summary())
    }
}

/// A run that applied or reverted migrations, after which an assertion is not true.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenAssertions {
    /// The report of the run. Its steps are committed.
    pub report: Report,
    /// The results of the assertions.
    pub assertions: Assertions,
}

impl BrokenAssertions {
    pub(crate) fn new(report: Report, assertions: Assertions) -> BrokenAssertions {
        BrokenAssertions { report, assertions }
    }
}
