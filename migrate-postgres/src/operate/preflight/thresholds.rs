//! From where on what is found is worth a warning or a stop.

use std::time::Duration;

/// From where on what a preflight finds is worth a warning or a stop.
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
}

impl Thresholds {
    /// A minute for transactions, 64 MB for standbys, 1 GB for what is written anew; no backup is asked for.
    pub const fn new() -> Thresholds {
        Thresholds {
            long_transaction: Duration::from_secs(60),
            lag: 64 << 20,
            written: 1 << 30,
            backup_age: None,
        }
    }

    /// From how long on a transaction is a long one: it stops where it holds what will be touched, and is worth a warning where
    /// an index that is built concurrently waits for it.
    pub const fn long_transaction(mut self, duration: Duration) -> Thresholds {
        self.long_transaction = duration;
        self
    }

    /// From how many bytes of the log on a standby that is behind is worth a warning.
    pub const fn lag(mut self, bytes: u64) -> Thresholds {
        self.lag = bytes;
        self
    }

    /// From how many bytes on that will be written anew a warning says to look at the disk.
    pub const fn written(mut self, bytes: u64) -> Thresholds {
        self.written = bytes;
        self
    }

    /// Stops where the last backup that this library recorded for the set is older than that, or where there is none.
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
