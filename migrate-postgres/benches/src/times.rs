//! Times of contenders that take turns, so that what else a machine does hits all of them alike.

use std::time::{Duration, Instant};

/// The times of one contender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) const fn new() -> Times {
        Times(Vec::new())
    }

    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The median; zero when nothing was measured.
    pub(crate) fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        match sorted.len() {
            0 => Duration::ZERO,
            n if n % 2 == 1 => sorted[n / 2],
            n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
        }
    }
}

/// Runs a future, and tells how long it took.
pub(crate) async fn timed<T, E>(future: impl Future<Output = Result<T, E>>) -> Result<(T, Duration), E> {
    let start = Instant::now();
    let value = future.await?;
    Ok((value, start.elapsed()))
}

/// Returns the ratio of two times.
pub(crate) fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64()
}

/// Returns the median of the ratios between the times and those measured right before each.
pub(crate) fn paired_ratio(times: &Times, of: &Times) -> f64 {
    let mut ratios: Vec<f64> = times.0.iter().zip(&of.0).map(|(time, of)| ratio(*time, *of)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}

/// A time with three digits.
pub(crate) fn shown(time: Duration) -> String {
    let (value, unit) = match time.as_secs_f64() {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let times = |all: &[u64]| Times(all.iter().map(|ms| Duration::from_millis(*ms)).collect());
        assert_eq!(times(&[]).median(), Duration::ZERO);
        assert_eq!(times(&[9, 1, 2]).median(), Duration::from_millis(2));
        assert_eq!(times(&[1, 2, 4, 100]).median(), Duration::from_millis(3));
    }

    #[test]
    fn times_have_three_digits() {
        let texts = [1, 10, 999, 12_345, 1_234_567, 123_456_789].map(|us| shown(Duration::from_micros(us)));
        assert_eq!(texts, ["1.00 µs", "10.0 µs", "999 µs", "12.3 ms", "1.23 s", "123 s"]);
    }
}
