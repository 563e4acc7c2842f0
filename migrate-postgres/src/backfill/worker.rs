//! One backfill, from its lease to its end: look at the server, run a batch, react, pause.

use super::batch::{Batch, BatchDone, BatchOutcome, changed_in_sweep};
use super::key::{Key, KeyedTable, same_order};
use super::lease::{Lease, Orders};
use super::load;
use super::quarantine::{Retried, RowError};
use super::stop::Stop;
use super::work::Work;
use crate::connection::session::Session;
use crate::error::{BackfillCause, StoppedBackfill};
use migrate_core::backfill::{
    BackfillEvent, BackfillRecord, BackfillState, BatchReport, BatchSize, BatchedStatement, Isolation, Pace,
    Reaction, Throttle, WalClock, pause_for_rate, reaction,
};
use migrate_core::sql::statement::{LexedStatement, StatementKind};
use std::time::{Duration, Instant};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The listener for the events of backfills.
pub(crate) type Listener<'e> = dyn FnMut(&BackfillEvent<'_>) + Send + 'e;

/// The SQLSTATEs of a lock that another session holds: `lock_not_available` and `deadlock_detected`.
const LOCKED: [&str; 2] = ["55P03", "40P01"];

/// The attempts at a single row that times out before the backfill stops.
const MOST_ATTEMPTS: u32 = 20;

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

/// The sums over the batches of one call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) rows: u64,
    pub(super) changed: u64,
    pub(super) wal: u64,
    pub(super) took: Duration,
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

/// The state between batches.
struct Course {
    key: Key,
    table: u32,
    size: BatchSize,
    isolation: Option<Isolation>,
    pace: Pace,
    clock: WalClock,
    began: Instant,
    last_batch: Instant,
    rate: Option<f64>,
    failures: u32,
    /// Those of them that no other session is to blame for.
    timeouts: u32,
    has_told_hidden: bool,
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
            WorkEnd::Changed => self.lease.release(self.session, &self.record).await?,
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
        let mut course = Course {
            key,
            table,
            size: BatchSize::new(rows),
            isolation: None,
            pace: Pace::default(),
            clock: WalClock::default(),
            began: Instant::now(),
            last_batch: Instant::now(),
            rate: self.record.rate,
            failures: 0,
            timeouts: 0,
            has_told_hidden: false,
        };
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
        let Some(table) = KeyedTable::read(self.session, &self.record.relation).await? else {
            return Ok(Err(BackfillCause::NoTable));
        };
        let specification = &self.work.specification;
        let named = self.record.key_columns.as_ref().filter(|names| !names.is_empty());
        let named = named.unwrap_or(&specification.key);
        let key = match table.key(named, self.work.may_go_by_position()) {
            Ok(key) => key,
            Err(cause) => return Ok(Err(cause)),
        };
        let names = key.names();
        if let Some(column) = names.iter().find(|name| specification.assigned.contains(name)) {
            return Ok(Err(BackfillCause::KeyAssigned { column: column.clone() }));
        }
        if specification.statement == BatchedStatement::Insert && self.inserts_into_its_table() {
            return Ok(Err(BackfillCause::OwnRows));
        }
        if let (Some(_), Some(before)) = (&self.record.cursor, &self.record.key_order)
            && !same_order(before, &key.order())
        {
            return Ok(Err(BackfillCause::OrderChanged { before: before.clone(), now: key.order() }));
        }
        if self.record.key_order.as_ref() != Some(&key.order()) {
            self.lease.choose(self.session, &self.record, &key).await?;
            self.record.key_columns = Some(names);
            self.record.key_order = Some(key.order());
        }
        Ok(Ok((table.oid, key)))
    }

    fn inserts_into_its_table(&self) -> bool {
        let statement = self.work.statement("true");
        let lexed = LexedStatement::new(&statement);
        let StatementKind::Insert(insert) = lexed.parse().kind else { return false };
        let into = insert.table.folded();
        let relation = LexedStatement::new(&self.work.specification.relation);
        let relation = relation.expression().text().trim_matches('"').to_owned();
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned();
        last(&into) == last(&relation)
    }

    fn stopped(&self, cause: BackfillCause) -> WorkEnd {
        let BackfillRecord { version, name, relation, rows_done, .. } = self.record.clone();
        WorkEnd::Stopped(Box::new(StoppedBackfill { version, name, relation, rows_done, cause }))
    }

    /// Waits until the load of the server gives no reason to pause.
    async fn throttle(&mut self, course: &mut Course) -> Result<Next, Error> {
        let (mut told, paused) = (Vec::new(), Instant::now());
        loop {
            let load = load::ask(self.session, course.table).await?;
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
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let orders = self.lease.renew(self.session, &self.record, reason).await?;
            if let Next::End(end) = self.follow(course, orders.as_ref()) {
                return Ok(Next::End(end));
            }
            self.stop.sleep(left.min(LONGEST_SLEEP)).await;
            if self.stop.is_told() {
                return Ok(Next::End(WorkEnd::Interrupted));
            }
            if left <= LONGEST_SLEEP {
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
            Err(error) if error.as_db_error().is_some() => self.refused(course, error).await,
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
            if changed_in_sweep(&self.record) > 0 {
                let goes_on = self.lease.sweep_again(self.session, &self.record).await?;
                self.record.cursor = None;
                return Ok(if goes_on { Next::GoOn } else { Next::End(WorkEnd::Changed) });
            }
        } else {
            let lock_timeout = self.lock_timeout;
            let retried =
                self.lease.retry(self.session, &self.record, self.work, &course.key, lock_timeout).await;
            match retried {
                Ok(Retried::NoRow) => {}
                Ok(Retried::Done) => {
                    self.record.quarantined = self.record.quarantined.saturating_sub(1);
                    return Ok(Next::GoOn);
                }
                Ok(Retried::Moved) => return Ok(Next::End(WorkEnd::Changed)),
                Ok(Retried::Failed(error)) => return self.retried_in_vain(course, error).await,
                Err(error) if error.as_db_error().is_some() => return self.refused(course, error).await,
                Err(error) => return Err(error),
            }
        }
        let is_done = self.lease.finish(self.session, &self.record).await?;
        Ok(Next::End(if is_done { WorkEnd::Done } else { WorkEnd::Changed }))
    }

    async fn retried_in_vain(&mut self, course: &mut Course, error: Error) -> Result<Next, Error> {
        match reaction(code(&error)) {
            Reaction::Isolate => {
                let error = RowError::of(&error);
                self.lease.keep_aside(self.session, &self.record, &error).await?;
                Ok(Next::GoOn)
            }
            _ => self.refused(course, error).await,
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
            return self.refused(course, error).await;
        }
        let isolation = course.isolation.get_or_insert(Isolation::new(rows));
        isolation.failed(rows);
        if !isolation.is_found() {
            return Ok(Next::GoOn);
        }
        let error = RowError::of(&error);
        let cursor = match course.key {
            Key::Columns(_) => until,
            Key::RowPosition { .. } => vec![until[0].clone(), changed_in_sweep(&self.record).to_string()],
        };
        let is_full = self.record.quarantined >= self.lease.settings.quarantine;
        // Another sweep meets the rows again that an earlier one has set aside.
        if is_full && !self.lease.is_aside(self.session, &self.record, &course.key, &cursor).await? {
            let key = cursor[..course.key.names().len().max(1)].join(", ");
            let limit = self.lease.settings.quarantine;
            return Ok(Next::End(self.stopped(BackfillCause::QuarantineFull {
                limit,
                key,
                message: error.message,
            })));
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
    async fn refused(&mut self, course: &mut Course, error: Error) -> Result<Next, Error> {
        let RowError { sqlstate, message } = RowError::of(&error);
        match reaction(code(&error)) {
            Reaction::Reconnect => Err(error),
            Reaction::Retry => {
                course.failures += 1;
                // Others give a lock back sooner or later; a statement that takes too long does so again.
                course.timeouts += u32::from(!LOCKED.contains(&&*sqlstate));
                if course.size.is_least() && course.timeouts >= MOST_ATTEMPTS {
                    let attempts = course.timeouts;
                    return Ok(Next::End(self.stopped(BackfillCause::Stuck { attempts, message })));
                }
                course.size.halve();
                (self.listener)(&BackfillEvent::retrying(&self.record.name, &message, course.rows()));
                let pause = Duration::from_millis(50) * course.failures.min(MOST_ATTEMPTS);
                self.wait(course, pause, None).await
            }
            _ => Ok(Next::End(self.stopped(BackfillCause::Server { sqlstate, message }))),
        }
    }
}

impl Course {
    /// The rows of the next batch: those of a second at most, where there is a rate.
    fn rows(&self) -> u64 {
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

    fn follow(&mut self, rows: u64, took: Duration, wal: u64, lease: &Lease<'_>) {
        (self.failures, self.timeouts) = (0, 0);
        self.pace.follow(rows, self.last_batch.elapsed());
        self.last_batch = Instant::now();
        if self.isolation.is_none() {
            self.size.succeeded(rows, took, wal, &lease.settings.target);
        }
        self.passed(rows);
    }

    /// Takes note of rows that the cursor has passed.
    fn passed(&mut self, rows: u64) {
        let isolation = self.isolation.take();
        self.isolation = isolation.and_then(|mut isolation| isolation.succeeded(rows).then_some(isolation));
    }
}

fn code(error: &Error) -> Option<&str> {
    error.code().map(SqlState::code)
}
