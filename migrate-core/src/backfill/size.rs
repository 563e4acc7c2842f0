//! The size of a batch: it follows the time and the WAL that batches take.
//!
//! Averages of the cost of one row decide: exponential ones, which give the last batch 40 %. A batch grows by
//! half at most, so that a cheap stretch of the table does not lead to one batch that blocks others, and it is
//! halved when a timeout, a deadlock or a waiting session shows that it was too long.

use std::time::Duration;

/// The most rows of one batch.
pub const MOST_ROWS: u64 = 100_000;

/// The rows of the first batch, unless a script says otherwise.
pub const FIRST_ROWS: u64 = 1_000;

/// The weight of the last batch in the average, in tenths.
const WEIGHT: u128 = 4;

/// Fractions of a nanosecond and of a byte that a cost has.
const FRACTION: u128 = 1_000;

/// The target cost of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchTarget {
    /// The time that a batch is to take.
    pub time: Duration,
    /// The bytes of WAL that a batch is to write.
    pub wal: u64,
}

impl BatchTarget {
    /// 250 ms, and 16 MiB of WAL: one segment.
    pub const DEFAULT: BatchTarget = BatchTarget { time: Duration::from_millis(250), wal: 16 << 20 };

    /// A target of a time and of bytes of WAL.
    pub const fn new(time: Duration, wal: u64) -> BatchTarget {
        BatchTarget { time, wal }
    }
}

impl Default for BatchTarget {
    fn default() -> BatchTarget {
        BatchTarget::DEFAULT
    }
}

/// The number of rows of the next batch.
///
/// # Examples
///
/// ```
/// use migrate_core::backfill::{BatchSize, BatchTarget};
/// use std::time::Duration;
///
/// let mut size = BatchSize::new(1_000);
/// size.succeeded(1_000, Duration::from_millis(1_000), 0, &BatchTarget::DEFAULT);
/// assert_eq!(size.rows(), 500, "a fourth would be right, and half is the most of a step");
/// size.halve();
/// assert_eq!(size.rows(), 250);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSize {
    rows: u64,
    time: Average,
    wal: Average,
}

impl BatchSize {
    /// Begins with a number of rows.
    pub fn new(rows: u64) -> BatchSize {
        BatchSize { rows: rows.clamp(1, MOST_ROWS), time: Average::default(), wal: Average::default() }
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adapts to a committed batch: the rows that it covered, and their cost.
    pub fn succeeded(&mut self, rows: u64, took: Duration, wal: u64, target: &BatchTarget) {
        // The cost of the last rows of a table is mostly that of a batch.
        if rows == 0 || rows < self.rows / 2 {
            return;
        }
        let by_time = self.time.follow(took.as_nanos(), rows, target.time.as_nanos());
        let by_wal = self.wal.follow(wal.into(), rows, target.wal.into());
        let most = (self.rows + self.rows.div_ceil(2)).min(MOST_ROWS);
        self.rows = by_time.min(by_wal).clamp((self.rows / 2).max(1), most);
    }

    /// Halves the batch: it was too long for others, or for its time limit.
    pub fn halve(&mut self) {
        self.rows = (self.rows / 2).max(1);
        (self.time, self.wal) = (Average::default(), Average::default());
    }

    /// True if it can't become smaller.
    pub fn is_least(&self) -> bool {
        self.rows == 1
    }
}

/// The average cost of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Average(Option<u128>);

impl Average {
    /// Follows a batch; the number of rows that cost as much as the target.
    fn follow(&mut self, cost: u128, rows: u64, target: u128) -> u64 {
        let last = cost.saturating_mul(FRACTION) / u128::from(rows);
        let average = match self.0 {
            Some(before) => (last.saturating_mul(WEIGHT) + before.saturating_mul(10 - WEIGHT)) / 10,
            None => last,
        };
        self.0 = Some(average);
        u64::try_from(target.saturating_mul(FRACTION) / average.max(1)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs batches whose cost is that of their rows, and a fixed one.
    fn settle(mut size: BatchSize, per_row: Duration, per_batch: Duration, batches: usize) -> BatchSize {
        for _ in 0..batches {
            let rows = size.rows();
            let took = per_batch + per_row * u32::try_from(rows).unwrap();
            size.succeeded(rows, took, 0, &BatchTarget::DEFAULT);
        }
        size
    }

    proptest! {
        #[test]
        fn a_batch_is_never_empty_nor_too_large_and_changes_by_half_at_most(
            first in 0_u64..1 << 40,
            batches in prop::collection::vec((0_u64..200_000, 0_u64..100_000, 0_u64..1 << 40, any::<bool>()), 1..50),
        ) {
            let mut size = BatchSize::new(first);
            for (rows, milliseconds, wal, fails) in batches {
                let before = size.rows();
                if fails {
                    size.halve();
                } else {
                    size.succeeded(rows, Duration::from_millis(milliseconds), wal, &BatchTarget::DEFAULT);
                }
                prop_assert!((1..=MOST_ROWS).contains(&size.rows()));
                prop_assert!(size.rows() >= before / 2 && size.rows() <= before + before.div_ceil(2));
            }
        }

        #[test]
        fn it_comes_to_the_target_from_any_size(first in 1_u64..100_000, micros in 3_u64..100_000) {
            let per_row = Duration::from_micros(micros);
            let rows = settle(BatchSize::new(first), per_row, Duration::from_millis(2), 60).rows();
            let took = Duration::from_millis(2) + per_row * u32::try_from(rows).unwrap();
            prop_assert!(took <= BatchTarget::DEFAULT.time * 2, "{rows} rows take {took:?}");
            prop_assert!(took * 2 >= BatchTarget::DEFAULT.time || rows == MOST_ROWS, "{rows} rows take {took:?}");
        }
    }

    #[test]
    fn much_wal_makes_a_fast_batch_smaller() {
        let mut size = BatchSize::new(10_000);
        for _ in 0..20 {
            let rows = size.rows();
            size.succeeded(rows, Duration::from_millis(1), rows * 16_384, &BatchTarget::DEFAULT);
        }
        assert_eq!(size.rows(), 1_024, "1024 rows of 16 KiB are 16 MiB");
    }

    #[test]
    fn the_last_rows_of_a_table_decide_nothing() {
        let mut size = BatchSize::new(1_000);
        size.succeeded(3, Duration::from_secs(1), 0, &BatchTarget::DEFAULT);
        assert_eq!(size.rows(), 1_000);
    }
}
