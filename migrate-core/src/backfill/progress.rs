//! Progress: rows per second, the time left, and the pause that a rate asks for.

use std::time::Duration;

/// The weight of the last batch in the average, in tenths.
const WEIGHT: u128 = 2;

/// The speed of a backfill with its pauses, as an exponential average.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Picoseconds per row.
    per_row: Option<u128>,
}

impl Pace {
    /// Follows a batch and the pause before it.
    pub fn follow(&mut self, rows: u64, elapsed: Duration) {
        if rows == 0 {
            return;
        }
        let last = elapsed.as_nanos() * 1_000 / u128::from(rows);
        self.per_row = Some(match self.per_row {
            Some(before) => (last * WEIGHT + before * (10 - WEIGHT)) / 10,
            None => last,
        });
    }

    /// The rows per second.
    pub fn rows_per_second(&self) -> Option<u64> {
        let per_row = self.per_row?.max(1);
        u64::try_from(1_000_000_000_000 / per_row).ok()
    }

    /// The time that so many rows take.
    pub fn time_for(&self, rows: u64) -> Option<Duration> {
        let nanoseconds = self.per_row?.saturating_mul(rows.into()) / 1_000;
        Some(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }
}

/// The pause after a batch so that no more than `rate` rows are done in a second.
///
/// # Examples
///
/// ```
/// use migrate_core::backfill::pause_for_rate;
/// use std::time::Duration;
///
/// let took = Duration::from_millis(100);
/// assert_eq!(pause_for_rate(500, took, 1_000.0), Duration::from_millis(400));
/// assert_eq!(pause_for_rate(50, took, 1_000.0), Duration::ZERO);
/// ```
#[allow(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
pub fn pause_for_rate(rows: u64, took: Duration, rate: f64) -> Duration {
    Duration::try_from_secs_f64(rows as f64 / rate).unwrap_or(Duration::MAX).saturating_sub(took)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_even_pace_gives_the_time_that_is_left(rows in 1_u64..100_000, micros in 1_u64..10_000_000, left in 0_u64..1 << 32) {
            let mut pace = Pace::default();
            (0..20).for_each(|_| pace.follow(rows, Duration::from_micros(micros)));
            let time = pace.time_for(left).unwrap().as_secs_f64();
            #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            let expected = left as f64 * (micros as f64 / 1e6) / rows as f64;
            prop_assert!((time - expected).abs() <= expected * 0.01 + 0.01 * left as f64 / 1e9, "{time} {expected}");
        }

        #[test]
        fn a_rate_is_kept(rows in 1_u64..100_000, millis in 0_u64..10_000, rate in 1.0_f64..1e6) {
            let took = Duration::from_millis(millis);
            let whole = took + pause_for_rate(rows, took, rate);
            #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            let most = rate * whole.as_secs_f64() + 1.0;
            prop_assert!(rows as f64 <= most);
        }
    }
}
