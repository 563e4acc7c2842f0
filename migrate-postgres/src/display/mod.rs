//! Numbers and times as people read them.

pub(crate) mod units;
