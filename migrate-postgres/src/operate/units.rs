//! Sizes for people.

use std::fmt;

/// A size in the units that `pg_size_pretty` has.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_their_magnitude() {
        let sizes = [0, 10_239, 10_240, 8 << 20, 12 << 30, u64::MAX].map(|size| Bytes(size).to_string());
        assert_eq!(sizes, ["0 bytes", "10239 bytes", "10 kB", "8192 kB", "12 GB", "16383 PB"]);
    }
}
