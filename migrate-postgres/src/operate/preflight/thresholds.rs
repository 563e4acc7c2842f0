//! Thresholds from which a preflight finding is a warning or a stop.

use std::time::Duration;

/// Thresholds from which a preflight finding is a warning or a stop.
///
/// # Examples
///
/// ```
/// use migrate_postgres::operate::Thresholds;
/// use std::time::Duration;
///
/// let thresholds = Thresholds::new()
///     .long_transaction(Duration::from_secs(10))
///     .lag(16 << 20)
///     .backup_age(Duration::from_secs(24 * 3600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "each setting returns the thresholds"]
pub struct Thresholds {
    pub(super) long_transaction: Duration,
    pub(super) lag: u64,
    pub(super) written: u64,
    pub(super) backup_age: Option<Duration>,
    pub(super) probe_time: Option<Duration>,
}

impl Thresholds {
    /// One minute for transactions, 64 MB for standbys, 1 GB for rewrites, 5 seconds for each question about
    /// rows; no backup is required.
    pub const fn new() -> Thresholds {
        Thresholds {
            long_transaction: Duration::from_secs(60),
            lag: 64 << 20,
            written: 1 << 30,
            backup_age: None,
            probe_time: Some(Duration::from_secs(5)),
        }
    }

    /// Age from which a transaction counts as long-running. Such a transaction is a stop if it holds a table
    /// that will be touched, and a warning if an index that is built concurrently would wait for it.
    pub const fn long_transaction(mut self, duration: Duration) -> Thresholds {
        self.long_transaction = duration;
        self
    }

    /// Bytes of WAL by which a standby may be behind before that is a warning.
    pub const fn lag(mut self, bytes: u64) -> Thresholds {
        self.lag = bytes;
        self
    }

    /// Bytes to be rewritten before that is a warning to check the disk.
    pub const fn written(mut self, bytes: u64) -> Thresholds {
        self.written = bytes;
        self
    }

    /// Time for each question about the rows that a pending constraint or type may exclude; `None` asks none.
    /// Each question reads a table once, without blocking anyone.
    pub const fn probe_time(mut self, limit: Option<Duration>) -> Thresholds {
        self.probe_time = limit;
        self
    }

    /// Stop if the last backup that this library recorded for the set is older, or if none is recorded.
    pub const fn backup_age(mut self, duration: Duration) -> Thresholds {
        self.backup_age = Some(duration);
        self
    }
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds::new()
    }
}
