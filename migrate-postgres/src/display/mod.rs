//! Human-readable numbers and times.

pub(crate) mod units;
