//! The report of a runner.

use migrate_core::backfill::BackfillRecord;
use migrate_core::display::printable::Printable;
use std::fmt;
use std::time::Duration;

/// The result of a call of [`Migrator::backfill`](crate::Migrator::backfill) did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct BackfillReport {
    /// The backfills of the set that this call or another runner worked on, in the order in which they ended.
    pub backfills: Vec<BackfillSummary>,
}

/// One backfill of a report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BackfillSummary {
    /// The backfill as the database remembers it at the end.
    pub record: BackfillRecord,
    /// Its end for this call.
    pub end: BackfillEnd,
    /// The rows that this call went over.
    pub rows: u64,
    /// The rows that its batches changed, by the server's count.
    pub changed: u64,
    /// The time from its lease to its end.
    pub took: Duration,
    /// The bytes of WAL that the server wrote during its batches.
    pub wal: u64,
}

/// The end of a backfill for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackfillEnd {
    /// It is done.
    Done,
    /// An operator has canceled it.
    Cancelled,
    /// The caller has said stop; batches are left.
    Interrupted,
}

impl BackfillEnd {
    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            BackfillEnd::Done => "done",
            BackfillEnd::Cancelled => "cancelled",
            BackfillEnd::Interrupted => "interrupted",
        }
    }
}

impl BackfillReport {
    /// True if there was nothing to do.
    pub fn is_noop(&self) -> bool {
        self.backfills.is_empty()
    }

    /// True if batches are left: the caller has said stop.
    pub fn is_interrupted(&self) -> bool {
        self.backfills.iter().any(|backfill| backfill.end == BackfillEnd::Interrupted)
    }
}

impl fmt::Display for BackfillSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        let BackfillSummary { record, end, rows, took, .. } = self;
        match end {
            BackfillEnd::Done => write!(f, "{}: backfilled {} rows", record.name, record.rows_done)?,
            BackfillEnd::Cancelled => {
                write!(f, "{}: canceled after {} rows", record.name, record.rows_done)?;
            }
            BackfillEnd::Interrupted => write!(
                f,
                "{}: stopped after {} rows, about {} are left",
                record.name,
                record.rows_done,
                record.rows_left()
            )?,
        }
        if *rows > 0 {
            write!(f, ", {rows} of them by this run in {took:.1?}")?;
        }
        match record.quarantined {
            0 => Ok(()),
            1 => f.write_str("; 1 row was set aside"),
            several => write!(f, "; {several} rows were set aside"),
        }
    }
}

impl fmt::Display for BackfillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_noop() {
            return f.write_str("no backfill is left");
        }
        self.backfills.iter().enumerate().try_for_each(|(index, backfill)| {
            let line_feed = if index == 0 { "" } else { "\n" };
            write!(f, "{line_feed}{backfill}")
        })
    }
}
