//! Human-readable sizes and times.

use std::fmt;
use std::time::Duration;

/// A size in the units of `pg_size_pretty`.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
        if self.0 < 10 * 1024 {
            return write!(f, "{} bytes", self.0);
        }
        let (mut size, mut unit) = (self.0 / 1024, 0);
        while size >= 10 * 1024 && unit + 1 < UNITS.len() {
            size /= 1024;
            unit += 1;
        }
        write!(f, "{size} {}", UNITS[unit])
    }
}

/// A time in its two largest units: `2 d 3 h`, `4 min 5 s`. Below a minute, as the standard library shows it.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0..60 => write!(f, "{:.1?}", self.0),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            3600..86400 => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
            _ => write!(f, "{} d {} h", seconds / 86400, seconds % 86400 / 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units_of_their_magnitude() {
        let sizes = [0, 10_239, 10_240, 8 << 20, 12 << 30, u64::MAX].map(|size| Bytes(size).to_string());
        assert_eq!(sizes, ["0 bytes", "10239 bytes", "10 kB", "8192 kB", "12 GB", "16383 PB"]);
        let times = [5, 65, 3700, 90_000].map(|seconds| Time(Duration::from_secs(seconds)).to_string());
        assert_eq!(times, ["5.0s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
    }
}
