//! Settings of backfills: when a migration runs one as a whole, and how long a run works on one.

use std::time::Duration;

/// When the migration runs a backfill as a whole, and how long a run works on one that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackfillSettings {
    /// The most rows of a table whose backfill the migration runs as a whole.
    pub(crate) inline_rows: u64,
    /// The most bytes of such a table, without its indexes.
    pub(crate) inline_bytes: u64,
    /// The time that a run spends on backfills that its migrations wait for.
    pub(crate) budget: Duration,
}

impl BackfillSettings {
    /// 10 000 rows, 64 MiB, 10 s: an update of that size takes about as long as an ordinary migration, and an
    /// orchestrator's probes do not fail meanwhile.
    pub(crate) const DEFAULT: BackfillSettings =
        BackfillSettings { inline_rows: 10_000, inline_bytes: 64 << 20, budget: Duration::from_secs(10) };
}
