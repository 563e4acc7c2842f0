//! Comparing the rows of two queries: an old table with a new one, or two databases.
//!
//! Each side is read in one transaction that sees the rows of one moment; on one database both see the same
//! moment. The server computes a count and a checksum of each range of the key's hash, so that neither
//! collations nor indexes of the two sides matter, and only ranges that differ are read row by row. So equal
//! tables of any size cost one scan each and a few kilobytes, and others a second scan and a sort, however many rows differ.
//!
//! | type | is equal if |
//! |---|---|
//! | `smallint`, `integer`, `bigint`, `numeric` | the number is the same: `1.0` is `1.00`, whichever of these types it has |
//! | `real`, `double precision` | all bits are the same, except that `-0` is `0` and `NaN` is `NaN` |
//! | `text`, `varchar`, `char`, `name` | the characters are the same, in whichever encoding; blanks at the end of a `char` do not count |
//! | `timestamptz` | the moment is the same, in whichever time zone it is shown |
//! | `json`, `jsonb` | they are the same as `jsonb`; numbers in them compare as they are written |
//! | `bytea` | the bytes are the same |
//! | others | their text is the same |
//!
//! NULL equals NULL and nothing else. Other pairs of types, such as `timestamp` and `timestamptz`, are an error.

mod column;
mod differences;
mod run;
mod side;

pub use crate::error::{CompareError, ComparedSide};
pub use differences::{ColumnDifference, RowDifference, RowDifferenceKind, RowDifferences};

use crate::connection::target::Target;
use crate::error::Error;

/// The number of differences that are listed by default.
const LISTED: usize = 20;

/// The number of differences at which a comparison ends by default.
const MOST: u64 = 100_000;

/// A comparison of the rows of two queries.
///
/// ```no_run
/// use migrate_postgres::operate::RowComparison;
///
/// # async fn compare(url: &str) -> Result<(), migrate_postgres::Error> {
/// let comparison = RowComparison::new("SELECT id, name FROM people", "SELECT id, name FROM users", ["id"]);
/// let differences = comparison.run(url).await?;
/// assert!(differences.is_empty(), "{differences}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is compared until `run` is called"]
pub struct RowComparison {
    first: String,
    second: String,
    key: Vec<String>,
    sample: Option<u64>,
    listed: usize,
    most: u64,
    values: bool,
}

/// Leaves the queries out, which may hold a secret.
impl std::fmt::Debug for RowComparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowComparison").field("key", &self.key).finish_non_exhaustive()
    }
}

impl RowComparison {
    /// Compares the rows of two queries by the columns that identify a row.
    pub fn new(
        first: impl Into<String>,
        second: impl Into<String>,
        key: impl IntoIterator<Item = impl Into<String>>,
    ) -> RowComparison {
        let key = key.into_iter().map(Into::into).collect();
        RowComparison {
            first: first.into(),
            second: second.into(),
            key,
            sample: None,
            listed: LISTED,
            most: MOST,
            values: false,
        }
    }

    /// Compares about this number of rows, chosen by the hash of their keys: the same keys on both sides. All rows
    /// are counted nevertheless.
    pub fn sample(self, rows: u64) -> RowComparison {
        RowComparison { sample: Some(rows), ..self }
    }

    /// Ends when at least this number of rows differ; the result says that there may be more. The default is 100,000.
    pub fn stop_after(self, rows: u64) -> RowComparison {
        RowComparison { most: rows.max(1), ..self }
    }

    /// Lists at most this number of rows that differ. The default is 20.
    pub fn list(self, rows: usize) -> RowComparison {
        RowComparison { listed: rows, ..self }
    }

    /// Includes the values of columns that differ. The default is to name the columns only.
    pub fn with_values(self) -> RowComparison {
        RowComparison { values: true, ..self }
    }

    /// Runs both queries on one database. Both see the rows of the same moment.
    ///
    /// # Errors
    ///
    /// [`Error::Compare`] if the queries can't be compared, [`Error::InTransaction`] if a `Client` is in a
    /// transaction, and connection errors. Differences are no error.
    pub async fn run<T: Target + ?Sized>(&self, target: &T) -> Result<RowDifferences, Error> {
        run::on_one(self, target).await
    }

    /// Runs the first query on one database and the second on another. If both are the same database, both see the
    /// rows of the same moment.
    ///
    /// # Errors
    ///
    /// As for [`run`](RowComparison::run).
    pub async fn run_between<A: Target + ?Sized, B: Target + ?Sized>(
        &self,
        first: &A,
        second: &B,
    ) -> Result<RowDifferences, Error> {
        run::between(self, first, second).await
    }
}
