//! One backfill, from its lease to its end: look at the server, run a batch, react, pause.

use super::batch::{Batch, BatchDone, BatchOutcome};
use super::choice::choose;
use super::course::{Course, Totals};
use super::key::{Key, same_order};
use super::lease::{Lease, Orders};
use super::load;
use super::quarantine::{Retried, RowError};
use super::stop::Stop;
use super::sweep::{SweepEnd, changed_in_sweep, cursor_at};
use super::work::Work;
use crate::connection::session::Session;
use crate::error::{BackfillCause, StoppedBackfill};
use migrate_core::backfill::{
    BackfillEvent, BackfillRecord, BackfillState, BatchReport, Isolation, Reaction, Throttle, pause_for_rate,
    reaction,
};
use std::time::{Duration, Instant};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The listener for the events of backfills.
pub(crate) type Listener<'e> = dyn FnMut(&BackfillEvent<'_>) + Send + 'e;

/// The SQLSTATEs of a lock that another session holds: `lock_not_available` and `deadlock_detected`.
const LOCKED: [&str; 2] = ["55P03", "40P01"];

/// The attempts at a single row that times out before the backfill stops.
const MOST_ATTEMPTS: u32 = 20;

/// The sweeps that change no row before the backfill stops for the rows that are left.
const MOST_IDLE_SWEEPS: u32 = 3;

/// The longest time between two looks at the orders of an operator.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// A worker that has the lease of a backfill.
pub(super) struct Worker<'w, 's, 'e> {
    pub(super) lease: Lease<'w>,
    pub(super) work: &'w Work<'w>,
    pub(super) record: BackfillRecord,
    pub(super) session: &'w mut Session<'s>,
    pub(super) stop: &'w mut Stop<'e>,
    pub(super) listener: &'w mut Listener<'e>,
    pub(super) lock_timeout: Duration,
    pub(super) totals: &'w mut Totals,
}

/// The reason why a worker is at its end.
pub(super) enum WorkEnd {
    /// The backfill is done.
    Done,
    /// Its row has to be read again: an operator or another worker has changed it.
    Changed,
    /// The caller has said stop.
    Interrupted,
    /// It stopped with an error.
    Stopped(Box<StoppedBackfill>),
}

/// The part of a backfill that an error interrupts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// The statement of a batch.
    Batch,
    /// A row that was set aside.
    Row,
    /// The backfill's own row, and the keys of a batch: its statement was not sent.
    Nothing,
}

/// The next act of a worker.
enum Next {
    GoOn,
    End(WorkEnd),
}

impl Worker<'_, '_, '_> {
    /// Runs batches until the backfill is done or something ends the work. An error is one of the connection.
    pub(super) async fn run(mut self) -> Result<WorkEnd, Error> {
        let began = Instant::now();
        let end = self.work_through().await;
        self.totals.took += began.elapsed();
        let end = end?;
        match &end {
            WorkEnd::Stopped(stopped) => {
                self.lease.stop(self.session, &self.record, &stopped.remembered()).await?;
                self.record.state = BackfillState::Stopped;
                (self.listener)(&BackfillEvent::ended(&self.record));
            }
            WorkEnd::Interrupted => {
                self.lease.release(self.session, &self.record).await?;
                (self.listener)(&BackfillEvent::ended(&self.record));
            }
            WorkEnd::Changed => {
                self.lease.release(self.session, &self.record).await?;
                if self.lease.state(self.session, &self.record).await? == Some(BackfillState::Cancelled) {
                    self.record.state = BackfillState::Cancelled;
                    (self.listener)(&BackfillEvent::ended(&self.record));
                }
            }
            WorkEnd::Done => {
                self.record.state = BackfillState::Done;
                (self.listener)(&BackfillEvent::done(&self.record));
            }
        }
        Ok(end)
    }

    async fn work_through(&mut self) -> Result<WorkEnd, Error> {
        let (table, key) = match self.resolve().await? {
            Ok(found) => found,
            Err(cause) => return Ok(self.stopped(cause)),
        };
        (self.listener)(&BackfillEvent::started(&self.record));
        let rows = if self.record.batch_rows > 0 { self.record.batch_rows } else { self.work.first_rows() };
        let mut course = Course::new(key, table, rows, self.record.rate);
        loop {
            if self.stop.is_told() {
                return Ok(WorkEnd::Interrupted);
            }
            if let Next::End(end) = self.throttle(&mut course).await? {
                return Ok(end);
            }
            if let Next::End(end) = self.batch(&mut course).await? {
                return Ok(end);
            }
        }
    }

    /// Finds the key: the one of the last batch, or the one that the script names, or the best.
    async fn resolve(&mut self) -> Result<Result<(u32, Key), BackfillCause>, Error> {
        let specification = &self.work.specification;
        let named = self.record.key_columns.as_ref().filter(|names| !names.is_empty());
        let named = named.unwrap_or(&specification.key);
        let (table, key) = match choose(self.session, specification, &self.record.relation, named).await? {
            Ok(chosen) => chosen,
            Err(cause) => return Ok(Err(cause)),
        };
        if let (Some(_), Some(before)) = (&self.record.cursor, &self.record.key_order)
            && !same_order(before, &key.order())
        {
            return Ok(Err(BackfillCause::OrderChanged { before: before.clone(), now: key.order() }));
        }
        if self.record.key_order.as_ref() != Some(&key.order()) {
            self.lease.choose(self.session, &self.record, &key).await?;
            self.record.key_columns = Some(key.names());
            self.record.key_order = Some(key.order());
        }
        Ok(Ok((table, key)))
    }

    fn stopped(&self, cause: BackfillCause) -> WorkEnd {
        let BackfillRecord { version, name, relation, rows_done, .. } = self.record.clone();
        WorkEnd::Stopped(Box::new(StoppedBackfill { version, name, relation, rows_done, cause }))
    }

    /// Waits until the load of the server gives no reason to pause.
    async fn throttle(&mut self, course: &mut Course) -> Result<Next, Error> {
        let (mut told, paused) = (Vec::new(), Instant::now());
        loop {
            let ignored = &self.lease.settings.ignored_standbys;
            let load = load::ask(self.session, course.table, ignored).await?;
            let now = course.began.elapsed();
            course.clock.see(now, load.position);
            self.tell_hidden(course, load.hidden_standbys());
            let reasons = load.reasons(&self.lease.settings.limits, &course.clock, now);
            if reasons.is_empty() {
                if !told.is_empty() {
                    (self.listener)(&BackfillEvent::resumed(&self.record.name, paused.elapsed()));
                }
                return Ok(Next::GoOn);
            }
            let words: Vec<&str> = reasons.iter().map(Throttle::word).collect();
            if words != told {
                told = words;
                (self.listener)(&BackfillEvent::throttled(&self.record.name, &reasons));
            }
            let reason = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", and ");
            if let Next::End(end) = self.wait(course, self.lease.settings.poll, Some(&reason)).await? {
                return Ok(Next::End(end));
            }
        }
    }

    fn tell_hidden(&mut self, course: &mut Course, standbys: usize) {
        if standbys > 0 && !course.has_told_hidden && self.lease.settings.limits.lag.is_some() {
            course.has_told_hidden = true;
            (self.listener)(&BackfillEvent::unseen(&self.record.name, standbys));
        }
    }

    /// Pauses, and obeys an operator's commands meanwhile.
    async fn wait(
        &mut self,
        course: &mut Course,
        duration: Duration,
        reason: Option<&str>,
    ) -> Result<Next, Error> {
        let until = Instant::now() + duration;
        let interval = self.lease.settings.poll.clamp(Duration::from_millis(1), LONGEST_SLEEP);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let orders = self.lease.renew(self.session, &self.record, reason).await?;
            if let Next::End(end) = self.follow(course, orders.as_ref()) {
                return Ok(Next::End(end));
            }
            self.stop.sleep(left.min(interval)).await;
            if self.stop.is_told() {
                return Ok(Next::End(WorkEnd::Interrupted));
            }
            if left <= interval {
                return Ok(Next::GoOn);
            }
        }
    }

    fn follow(&mut self, course: &mut Course, orders: Option<&Orders>) -> Next {
        match orders {
            Some(Orders { state: BackfillState::Running, rate }) => {
                course.rate = *rate;
                self.record.rate = *rate;
                Next::GoOn
            }
            _ => Next::End(WorkEnd::Changed),
        }
    }

    async fn batch(&mut self, course: &mut Course) -> Result<Next, Error> {
        let rows = course.rows();
        let batch = Batch {
            lease: self.lease,
            work: self.work,
            key: &course.key,
            record: &self.record,
            rows,
            next_rows: course.size.rows(),
            lock_timeout: self.lock_timeout,
        };
        match batch.run(self.session).await {
            Ok(BatchOutcome::Done(done)) => self.done(course, done).await,
            Ok(BatchOutcome::NoRow) => self.no_row(course).await,
            Ok(BatchOutcome::Ordered(orders)) => Ok(self.follow(course, Some(&orders))),
            Ok(BatchOutcome::Moved) => Ok(Next::End(WorkEnd::Changed)),
            Ok(BatchOutcome::StillMatches) => Ok(Next::End(self.stopped(BackfillCause::StillMatches))),
            Ok(BatchOutcome::Failed { until, rows, error }) => self.failed(course, until, rows, error).await,
            Err(error) if error.as_db_error().is_some() => self.refused(course, Tried::Nothing, error).await,
            Err(error) => Err(error),
        }
    }

    /// Follows a batch that is committed.
    async fn done(&mut self, course: &mut Course, done: BatchDone) -> Result<Next, Error> {
        let BatchDone { cursor, rows, changed, took, wal, blocked, orders } = done;
        self.record.cursor = Some(cursor);
        self.record.rows_done += rows;
        course.follow(rows, took, wal, &self.lease);
        self.totals.rows += rows;
        self.totals.changed += changed;
        self.totals.wal += wal;
        let batch =
            BatchReport::new(rows, changed, took, wal).with_pace(&course.pace, self.record.rows_left());
        (self.listener)(&BackfillEvent::batch(&self.record, batch));
        if let Next::End(end) = self.follow(course, Some(&orders)) {
            return Ok(Next::End(end));
        }
        let mut pause = self.work.specification.pause.unwrap_or_default();
        if let Some(rate) = course.rate {
            pause = pause.max(pause_for_rate(rows, took, rate));
        }
        if blocked > 0 && self.lease.settings.limits.lock_waits {
            course.size.halve();
            let reasons = [Throttle::batch_blocked(blocked)];
            (self.listener)(&BackfillEvent::throttled(&self.record.name, &reasons));
            pause = pause.max(took);
        }
        if pause.is_zero() {
            return Ok(Next::GoOn);
        }
        self.wait(course, pause, None).await
    }

    /// Handles the end of the keys: another sweep, a retry of the rows that were set aside, or the end.
    async fn no_row(&mut self, course: &mut Course) -> Result<Next, Error> {
        if matches!(course.key, Key::RowPosition { .. }) {
            return self.end_sweep(course).await;
        }
        let lock_timeout = self.lock_timeout;
        let retried =
            self.lease.retry(self.session, &self.record, self.work, &course.key, lock_timeout).await;
        match retried {
            Ok(Retried::NoRow) => {
                let is_done = self.lease.finish(self.session, &self.record).await?;
                Ok(Next::End(if is_done { WorkEnd::Done } else { WorkEnd::Changed }))
            }
            Ok(Retried::Done) => {
                self.record.quarantined = self.record.quarantined.saturating_sub(1);
                (course.failures, course.timeouts) = (0, 0);
                Ok(Next::GoOn)
            }
            Ok(Retried::Moved) => Ok(Next::End(WorkEnd::Changed)),
            Ok(Retried::Failed { key, error }) => self.retried_in_vain(course, &key, error).await,
            Err(error) if error.as_db_error().is_some() => self.refused(course, Tried::Nothing, error).await,
            Err(error) => Err(error),
        }
    }

    /// Handles the end of a sweep over the positions of rows.
    async fn end_sweep(&mut self, course: &mut Course) -> Result<Next, Error> {
        if changed_in_sweep(&self.record) > 0 {
            course.idle_sweeps = 0;
            return self.sweep_again().await;
        }
        match self.lease.end_sweep(self.session, &self.record, self.work, self.lock_timeout).await {
            Ok(SweepEnd::Done) => Ok(Next::End(WorkEnd::Done)),
            Ok(SweepEnd::Moved) => Ok(Next::End(WorkEnd::Changed)),
            Ok(SweepEnd::RowsLeft) => {
                course.idle_sweeps += 1;
                if course.idle_sweeps >= MOST_IDLE_SWEEPS {
                    return Ok(Next::End(self.stopped(BackfillCause::RowsLeft)));
                }
                self.sweep_again().await
            }
            Err(error) if error.as_db_error().is_some() => self.refused(course, Tried::Nothing, error).await,
            Err(error) => Err(error),
        }
    }

    async fn sweep_again(&mut self) -> Result<Next, Error> {
        let goes_on = self.lease.sweep_again(self.session, &self.record).await?;
        self.record.cursor = None;
        Ok(if goes_on { Next::GoOn } else { Next::End(WorkEnd::Changed) })
    }

    async fn retried_in_vain(&mut self, course: &mut Course, key: &str, error: Error) -> Result<Next, Error> {
        match reaction(code(&error)) {
            Reaction::Isolate => {
                let error = RowError::of(&error);
                self.lease.keep_aside(self.session, &self.record, key, &error).await?;
                Ok(Next::GoOn)
            }
            _ => self.refused(course, Tried::Row, error).await,
        }
    }

    /// Reacts to a batch whose statement failed.
    async fn failed(
        &mut self,
        course: &mut Course,
        until: Vec<String>,
        rows: u64,
        error: Error,
    ) -> Result<Next, Error> {
        if reaction(code(&error)) != Reaction::Isolate {
            return self.refused(course, Tried::Batch, error).await;
        }
        let isolation = course.isolation.get_or_insert(Isolation::new(rows));
        isolation.failed(rows);
        if !isolation.is_found() {
            return Ok(Next::GoOn);
        }
        let error = RowError::of(&error);
        let cursor = match course.key {
            Key::Columns(_) => until,
            Key::RowPosition { .. } => cursor_at(&until[0], changed_in_sweep(&self.record)),
        };
        let limit = self.lease.settings.quarantine;
        if self.record.quarantined >= limit {
            let aside = self.lease.is_aside(self.session, &self.record, &course.key, &cursor).await?;
            // Another sweep meets the rows again that an earlier one has set aside.
            if let (key, false) = aside {
                let message = error.message;
                return Ok(Next::End(self.stopped(BackfillCause::QuarantineFull { limit, key, message })));
            }
        }
        let aside = self.lease.set_aside(self.session, &self.record, &course.key, &cursor, &error).await?;
        let Some((key, is_new)) = aside else { return Ok(Next::End(WorkEnd::Changed)) };
        (self.listener)(&BackfillEvent::quarantined(&self.record.name, &key, &error.message));
        self.record.cursor = Some(cursor);
        self.record.rows_done += 1;
        self.record.quarantined += u64::from(is_new);
        course.passed(1);
        Ok(Next::GoOn)
    }

    /// Reacts to an error that no row is to blame for.
    async fn refused(&mut self, course: &mut Course, tried: Tried, error: Error) -> Result<Next, Error> {
        let RowError { sqlstate, message } = RowError::of(&error);
        match reaction(code(&error)) {
            Reaction::Reconnect => Err(error),
            Reaction::Retry => {
                let is_locked = LOCKED.contains(&&*sqlstate);
                course.failures += 1;
                // Others give a lock back sooner or later; a statement that takes too long does so again.
                course.timeouts += u32::from(!is_locked);
                let is_least = course.size.is_least() || tried == Tried::Row;
                if is_least && course.timeouts >= MOST_ATTEMPTS {
                    let attempts = course.timeouts;
                    return Ok(Next::End(self.stopped(BackfillCause::Stuck { attempts, message })));
                }
                match tried {
                    // No batch was too large for a lock on the backfill's own row.
                    Tried::Nothing if is_locked => {}
                    Tried::Row => {}
                    Tried::Nothing | Tried::Batch => course.size.halve(),
                }
                (self.listener)(&BackfillEvent::retrying(&self.record.name, &message, course.rows()));
                let pause = Duration::from_millis(50) * course.failures.min(MOST_ATTEMPTS);
                self.wait(course, pause, None).await
            }
            _ => Ok(Next::End(self.stopped(BackfillCause::Server { sqlstate, message }))),
        }
    }
}

fn code(error: &Error) -> Option<&str> {
    error.code().map(SqlState::code)
}
