//! The events of a backfill.

use super::progress::Pace;
use super::record::BackfillRecord;
use super::throttle::Throttle;
use crate::display::printable::Printable;
use std::fmt;
use std::time::Duration;

/// An event of a backfill.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum BackfillEvent<'a> {
    /// A runner has taken the backfill.
    #[non_exhaustive]
    Started {
        /// The backfill.
        record: &'a BackfillRecord,
    },
    /// A batch was committed.
    #[non_exhaustive]
    Batch {
        /// The backfill.
        record: &'a BackfillRecord,
        /// The batch.
        batch: BatchReport,
    },
    /// The backfill pauses until these reasons are gone; sent when it begins and when the reasons change.
    #[non_exhaustive]
    Throttled {
        /// The migration's name.
        name: &'a str,
        /// The reasons.
        reasons: &'a [Throttle],
    },
    /// The backfill goes on after a pause.
    #[non_exhaustive]
    Resumed {
        /// The migration's name.
        name: &'a str,
        /// The length of the pause.
        paused: Duration,
    },
    /// An operator has paused it.
    #[non_exhaustive]
    Paused {
        /// The migration's name.
        name: &'a str,
        /// The reason, if there is one.
        reason: Option<&'a str>,
    },
    /// Another runner has it.
    #[non_exhaustive]
    Waiting {
        /// The migration's name.
        name: &'a str,
        /// The other runner.
        worker: &'a str,
    },
    /// A part of the server's load is hidden from this role, so the backfill is not throttled by it.
    #[non_exhaustive]
    Unseen {
        /// The migration's name.
        name: &'a str,
        /// The number of standbys whose lag is hidden.
        standbys: usize,
    },
    /// A batch was rolled back, and half of it will be tried.
    #[non_exhaustive]
    Retrying {
        /// The migration's name.
        name: &'a str,
        /// The server's message.
        message: &'a str,
        /// The rows of the next attempt.
        rows: u64,
    },
    /// A row was set aside with its error.
    #[non_exhaustive]
    Quarantined {
        /// The migration's name.
        name: &'a str,
        /// The key, as JSON.
        key: &'a str,
        /// The server's message.
        message: &'a str,
    },
    /// The connection was lost, and another one will be opened.
    #[non_exhaustive]
    Reconnecting {
        /// The server's or the client's message.
        message: &'a str,
    },
    /// The backfill is done.
    #[non_exhaustive]
    Done {
        /// The backfill.
        record: &'a BackfillRecord,
    },
    /// The backfill ended otherwise: canceled, stopped by an error, or left to others.
    #[non_exhaustive]
    Ended {
        /// The backfill.
        record: &'a BackfillRecord,
    },
}

/// A batch that was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchReport {
    /// The rows that it went over.
    pub rows: u64,
    /// The rows that its statement changed, by the server's count.
    pub changed: u64,
    /// Its duration.
    pub took: Duration,
    /// The bytes of WAL that the server wrote meanwhile.
    pub wal: u64,
    /// The rows per second lately, with pauses.
    pub rows_per_second: Option<u64>,
    /// The time left, by the estimate.
    pub eta: Option<Duration>,
}

/// The events, as a runner makes them.
impl<'a> BackfillEvent<'a> {
    /// A runner has taken the backfill.
    pub fn started(record: &'a BackfillRecord) -> BackfillEvent<'a> {
        BackfillEvent::Started { record }
    }

    /// A batch was committed.
    pub fn batch(record: &'a BackfillRecord, batch: BatchReport) -> BackfillEvent<'a> {
        BackfillEvent::Batch { record, batch }
    }

    /// The backfill pauses for these reasons.
    pub fn throttled(name: &'a str, reasons: &'a [Throttle]) -> BackfillEvent<'a> {
        BackfillEvent::Throttled { name, reasons }
    }

    /// The backfill goes on after a pause.
    pub fn resumed(name: &'a str, paused: Duration) -> BackfillEvent<'a> {
        BackfillEvent::Resumed { name, paused }
    }

    /// An operator has paused it.
    pub fn paused(name: &'a str, reason: Option<&'a str>) -> BackfillEvent<'a> {
        BackfillEvent::Paused { name, reason }
    }

    /// Another runner has it.
    pub fn waiting(name: &'a str, worker: &'a str) -> BackfillEvent<'a> {
        BackfillEvent::Waiting { name, worker }
    }

    /// The lag of so many standbys is hidden.
    pub fn unseen(name: &'a str, standbys: usize) -> BackfillEvent<'a> {
        BackfillEvent::Unseen { name, standbys }
    }

    /// A batch was rolled back, and so many rows will be tried.
    pub fn retrying(name: &'a str, message: &'a str, rows: u64) -> BackfillEvent<'a> {
        BackfillEvent::Retrying { name, message, rows }
    }

    /// A row was set aside.
    pub fn quarantined(name: &'a str, key: &'a str, message: &'a str) -> BackfillEvent<'a> {
        BackfillEvent::Quarantined { name, key, message }
    }

    /// The connection was lost.
    pub fn reconnecting(message: &'a str) -> BackfillEvent<'a> {
        BackfillEvent::Reconnecting { message }
    }

    /// The backfill is done.
    pub fn done(record: &'a BackfillRecord) -> BackfillEvent<'a> {
        BackfillEvent::Done { record }
    }

    /// The backfill ended otherwise.
    pub fn ended(record: &'a BackfillRecord) -> BackfillEvent<'a> {
        BackfillEvent::Ended { record }
    }

    /// A stable word for logs and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            BackfillEvent::Started { .. } => "started",
            BackfillEvent::Batch { .. } => "batch",
            BackfillEvent::Throttled { .. } => "throttled",
            BackfillEvent::Resumed { .. } => "resumed",
            BackfillEvent::Paused { .. } => "paused",
            BackfillEvent::Waiting { .. } => "waiting",
            BackfillEvent::Unseen { .. } => "unseen",
            BackfillEvent::Retrying { .. } => "retrying",
            BackfillEvent::Quarantined { .. } => "quarantined",
            BackfillEvent::Reconnecting { .. } => "reconnecting",
            BackfillEvent::Done { .. } => "done",
            BackfillEvent::Ended { .. } => "ended",
        }
    }
}

impl BatchReport {
    /// A batch: the rows that it went over and those that it changed, its time, and its WAL.
    pub fn new(rows: u64, changed: u64, took: Duration, wal: u64) -> BatchReport {
        BatchReport { rows, changed, took, wal, rows_per_second: None, eta: None }
    }

    /// Adds the speed, and the time for the rows that are left.
    #[must_use]
    pub fn with_pace(self, pace: &Pace, left: u64) -> BatchReport {
        BatchReport { rows_per_second: pace.rows_per_second(), eta: pace.time_for(left), ..self }
    }
}

impl<'a> BackfillEvent<'a> {
    /// The migration's name; none if the event is of the runner.
    pub fn name(&self) -> Option<&'a str> {
        match self {
            BackfillEvent::Started { record }
            | BackfillEvent::Batch { record, .. }
            | BackfillEvent::Done { record }
            | BackfillEvent::Ended { record } => Some(&record.name),
            BackfillEvent::Throttled { name, .. }
            | BackfillEvent::Resumed { name, .. }
            | BackfillEvent::Paused { name, .. }
            | BackfillEvent::Waiting { name, .. }
            | BackfillEvent::Unseen { name, .. }
            | BackfillEvent::Retrying { name, .. }
            | BackfillEvent::Quarantined { name, .. } => Some(name),
            BackfillEvent::Reconnecting { .. } => None,
        }
    }
}

impl fmt::Display for BackfillEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        match self {
            BackfillEvent::Started { record } => write!(
                f,
                "{}: backfilling {}, {} of about {} rows done",
                record.name, record.relation, record.rows_done, record.rows_total
            ),
            BackfillEvent::Batch { record, batch } => {
                write!(f, "{}: {} rows done ({} %)", record.name, record.rows_done, record.percent())?;
                if let Some(rate) = batch.rows_per_second {
                    write!(f, ", {rate} rows/s")?;
                }
                batch.eta.map_or(Ok(()), |eta| write!(f, ", about {} s left", eta.as_secs()))
            }
            BackfillEvent::Throttled { name, reasons } => {
                write!(f, "{name}: paused, because ")?;
                reasons.iter().enumerate().try_for_each(|(index, reason)| {
                    let and = if index == 0 { "" } else { ", and " };
                    write!(f, "{and}{reason}")
                })
            }
            BackfillEvent::Resumed { name, paused } => write!(f, "{name}: resumed after {paused:.1?}"),
            BackfillEvent::Paused { name, reason: None } => write!(f, "{name}: paused by an operator"),
            BackfillEvent::Paused { name, reason: Some(reason) } => {
                write!(f, "{name}: paused by an operator: {reason}")
            }
            BackfillEvent::Waiting { name, worker } => write!(f, "{name}: {worker} is backfilling it"),
            BackfillEvent::Unseen { name, standbys } => write!(
                f,
                "{name}: this role may not see the lag of {standbys} standbys, so the backfill does not pause for them; grant \
                 it pg_monitor"
            ),
            BackfillEvent::Retrying { name, message, rows } => {
                write!(f, "{name}: a batch was rolled back, and {rows} rows will be tried: {message}")
            }
            BackfillEvent::Quarantined { name, key, message } => {
                write!(f, "{name}: the row {key} was set aside: {message}")
            }
            BackfillEvent::Reconnecting { message } => write!(f, "connecting again: {message}"),
            BackfillEvent::Done { record } => {
                write!(f, "{}: backfilled {} rows", record.name, record.rows_done)?;
                match record.quarantined {
                    0 => Ok(()),
                    rows => write!(f, ", {rows} of which were set aside"),
                }
            }
            BackfillEvent::Ended { record } => {
                write!(f, "{}: {} after {} rows", record.name, record.state, record.rows_done)
            }
        }
    }
}
