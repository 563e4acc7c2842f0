//! Sizes, rounded to powers of ten so that a file of facts rarely changes.

use std::fmt;

/// The size of a table, as upper bounds.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::facts::SizeBucket;
///
/// let size = SizeBucket::of(Some(2_345), 180_000);
/// assert_eq!((size.rows_below, size.bytes_below), (Some(10_000), 1_000_000));
/// assert!(size.is_small());
/// assert_eq!(size.to_string(), "fewer than 10 thousand rows");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SizeBucket {
    /// The table has fewer rows than this power of ten; `None` if their number is not known.
    pub rows_below: Option<u64>,
    /// The table, without its indexes, has fewer bytes than this power of ten.
    pub bytes_below: u64,
}

impl SizeBucket {
    /// Rounds the size of a table up: the number of its rows, if known, and its bytes without its indexes.
    pub fn of(rows: Option<u64>, bytes: u64) -> SizeBucket {
        SizeBucket { rows_below: rows.map(above), bytes_below: above(bytes) }
    }

    /// True if work on all rows takes a moment: fewer than 10,000 rows in less than 100 MB.
    pub fn is_small(self) -> bool {
        self.rows_below.is_some_and(|rows| rows <= 10_000) && self.bytes_below <= 100_000_000
    }
}

/// The next power of ten.
fn above(number: u64) -> u64 {
    let mut above: u64 = 1;
    while above <= number {
        match above.checked_mul(10) {
            Some(next) => above = next,
            None => return u64::MAX,
        }
    }
    above
}

/// The number of rows in words, or else the bytes: `fewer than 10 thousand rows`.
impl fmt::Display for SizeBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows_below {
            Some(0..=1) => f.write_str("no rows"),
            Some(rows) => write!(f, "fewer than {} rows", in_words(rows)),
            None => write!(f, "less than {} bytes", in_words(self.bytes_below)),
        }
    }
}

fn in_words(number: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, " trillion"),
        (1_000_000_000, " billion"),
        (1_000_000, " million"),
        (1_000, " thousand"),
    ];
    let unit = UNITS.iter().find(|(unit, _)| number >= *unit);
    unit.map_or_else(|| number.to_string(), |(unit, word)| format!("{}{word}", number / unit))
}
