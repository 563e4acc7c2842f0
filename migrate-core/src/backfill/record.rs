//! A backfill, as the database remembers it.

use std::fmt;
use std::time::SystemTime;

/// The state of a backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackfillState {
    /// Batches are left, and a runner may take them.
    Running,
    /// Paused by an operator.
    Paused,
    /// Stopped by an error.
    Stopped,
    /// Done: no row is beyond the last key.
    Done,
    /// Canceled by an operator; what is filled stays.
    Cancelled,
}

impl BackfillState {
    /// All states.
    pub const ALL: [BackfillState; 5] = [
        BackfillState::Running,
        BackfillState::Paused,
        BackfillState::Stopped,
        BackfillState::Done,
        BackfillState::Cancelled,
    ];

    /// The word in the bookkeeping table and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            BackfillState::Running => "running",
            BackfillState::Paused => "paused",
            BackfillState::Stopped => "stopped",
            BackfillState::Done => "done",
            BackfillState::Cancelled => "cancelled",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<BackfillState> {
        BackfillState::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl fmt::Display for BackfillState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A row of the bookkeeping table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BackfillRecord {
    /// The set.
    pub set: String,
    /// The migration's version.
    pub version: String,
    /// The migration's name.
    pub name: String,
    /// The checksum of the script that began it.
    pub checksum: Vec<u8>,
    /// The table that the batches go over, with its schema.
    pub relation: String,
    /// The columns of the key; none if it is not chosen yet, and empty for row positions (`ctid`).
    pub key_columns: Option<Vec<String>>,
    /// The type and the collation of each of these columns, which give the keys their order.
    pub key_order: Option<Vec<String>>,
    /// The state.
    pub state: BackfillState,
    /// The last key that is done; none before the first batch.
    pub cursor: Option<Vec<String>>,
    /// The rows that the batches went over.
    pub rows_done: u64,
    /// The rows of the table when it began, by the server's estimate.
    pub rows_total: u64,
    /// The rows that were set aside with their error.
    pub quarantined: u64,
    /// The rows of the next batch.
    pub batch_rows: u64,
    /// The most rows per second.
    pub rate: Option<f64>,
    /// The reason of a pause, or why it is throttled now.
    pub reason: Option<String>,
    /// The error that stopped it.
    pub error: Option<String>,
    /// The runner that has it, if its lease has not expired.
    pub worker: Option<String>,
    /// When it began.
    pub begun_at: SystemTime,
    /// When the last batch was committed.
    pub progress_at: Option<SystemTime>,
    /// When it was done or canceled.
    pub done_at: Option<SystemTime>,
}

impl BackfillRecord {
    /// A row that has just begun.
    pub fn new(
        set: impl Into<String>,
        version: impl Into<String>,
        name: impl Into<String>,
    ) -> BackfillRecord {
        BackfillRecord {
            set: set.into(),
            version: version.into(),
            name: name.into(),
            checksum: Vec::new(),
            relation: String::new(),
            key_columns: None,
            key_order: None,
            state: BackfillState::Running,
            cursor: None,
            rows_done: 0,
            rows_total: 0,
            quarantined: 0,
            batch_rows: 0,
            rate: None,
            reason: None,
            error: None,
            worker: None,
            begun_at: SystemTime::UNIX_EPOCH,
            progress_at: None,
            done_at: None,
        }
    }

    /// The rows that are left, by the estimate.
    pub fn rows_left(&self) -> u64 {
        self.rows_total.saturating_sub(self.rows_done)
    }

    /// True if nothing is left to do: done, and no row was set aside. A migration that says `after=` waits for
    /// this.
    pub fn is_finished(&self) -> bool {
        self.state == BackfillState::Done && self.quarantined == 0
    }

    /// The part that is done, in percent.
    pub fn percent(&self) -> u64 {
        match self.state {
            BackfillState::Done => 100,
            _ => (self.rows_done.saturating_mul(100)).checked_div(self.rows_total).unwrap_or(0).min(99),
        }
    }
}
