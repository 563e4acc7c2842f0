//! The course of a worker's batches: their size, their pace, and the failures in a row.

use super::key::Key;
use super::lease::Lease;
use migrate_core::backfill::{BatchSize, Isolation, Pace, WalClock};
use std::time::{Duration, Instant};

/// The sums over the batches of one call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) rows: u64,
    pub(super) changed: u64,
    pub(super) wal: u64,
    pub(super) took: Duration,
}

/// The state between batches.
pub(super) struct Course {
    pub(super) key: Key,
    pub(super) table: u32,
    pub(super) size: BatchSize,
    pub(super) isolation: Option<Isolation>,
    pub(super) pace: Pace,
    pub(super) clock: WalClock,
    pub(super) began: Instant,
    pub(super) last_batch: Instant,
    pub(super) rate: Option<f64>,
    pub(super) failures: u32,
    /// Those of them that no other session is to blame for.
    pub(super) timeouts: u32,
    /// The sweeps over the positions of rows that changed none, one after the other, although rows were left.
    pub(super) idle_sweeps: u32,
    pub(super) has_told_hidden: bool,
}

impl Course {
    /// Begins with the state of a backfill that is taken up.
    pub(super) fn new(key: Key, table: u32, rows: u64, rate: Option<f64>) -> Course {
        Course {
            key,
            table,
            size: BatchSize::new(rows),
            isolation: None,
            pace: Pace::default(),
            clock: WalClock::default(),
            began: Instant::now(),
            last_batch: Instant::now(),
            rate,
            failures: 0,
            timeouts: 0,
            idle_sweeps: 0,
            has_told_hidden: false,
        }
    }

    /// The rows of the next batch: those of a second at most, where there is a rate.
    pub(super) fn rows(&self) -> u64 {
        let rows = self.isolation.map_or(self.size.rows(), |isolation| isolation.rows());
        match self.rate {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is positive, and a large one saturates"
            )]
            Some(rate) => rows.min((rate as u64).max(1)),
            None => rows,
        }
    }

    pub(super) fn follow(&mut self, rows: u64, took: Duration, wal: u64, lease: &Lease<'_>) {
        (self.failures, self.timeouts) = (0, 0);
        self.pace.follow(rows, self.last_batch.elapsed());
        self.last_batch = Instant::now();
        if self.isolation.is_none() {
            self.size.succeeded(rows, took, wal, &lease.settings.target);
        }
        self.passed(rows);
    }

    /// Takes note of rows that the cursor has passed.
    pub(super) fn passed(&mut self, rows: u64) {
        let isolation = self.isolation.take();
        self.isolation = isolation.and_then(|mut isolation| isolation.succeeded(rows).then_some(isolation));
    }
}
