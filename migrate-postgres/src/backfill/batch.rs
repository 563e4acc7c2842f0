//! One batch: a transaction in two messages.
//!
//! The first one locks the backfill's row, reads the orders of the operator, and looks up the last key. The second one
//! runs the statement, moves the cursor, and commits. Wherever it is cut off, the data and the cursor are those of
//! the same batch.

use super::key::Key;
use super::lease::{Lease, Orders};
use super::sweep::{by_position, changed_in_sweep, cursor_at};
use super::work::{Range, Work, array, is_at, is_mine, next_key};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::sql::answers::{Answers, is_true, parsed, simple_query, text};
use crate::sql::quote::quote_literal;
use crate::sql::transaction::{BEGIN, DEFERRED};
use migrate_core::backfill::{BackfillRecord, BackfillState};
use std::time::{Duration, Instant};
use tokio_postgres::{Error, SimpleQueryMessage, SimpleQueryRow};

/// A batch of a backfill.
pub(super) struct Batch<'b> {
    pub(super) lease: Lease<'b>,
    pub(super) work: &'b Work<'b>,
    pub(super) key: &'b Key,
    pub(super) record: &'b BackfillRecord,
    pub(super) rows: u64,
    /// The rows of the batch after this one, for the row.
    pub(super) next_rows: u64,
    pub(super) lock_timeout: Duration,
}

/// The outcome of a batch.
pub(super) enum BatchOutcome {
    /// It is committed.
    Done(BatchDone),
    /// No row is beyond the cursor.
    NoRow,
    /// An operator has changed the state of the backfill.
    Ordered(Orders),
    /// Another worker has the backfill, or it has moved on: its row is to be read again.
    Moved,
    /// The statement failed, and the batch was rolled back.
    Failed {
        /// The last key of the batch.
        until: Vec<String>,
        /// The rows of the batch.
        rows: u64,
        error: Error,
    },
    /// A row that the batch changed still meets the condition; it was rolled back.
    StillMatches,
}

/// A committed batch.
pub(super) struct BatchDone {
    pub(super) cursor: Vec<String>,
    pub(super) rows: u64,
    pub(super) changed: u64,
    pub(super) took: Duration,
    pub(super) wal: u64,
    /// The sessions that waited for its locks at its end.
    pub(super) blocked: u64,
    pub(super) orders: Orders,
}

/// The beginning of a batch, after its first message.
struct Begun {
    orders: Orders,
    rows: u64,
    until: Vec<String>,
    /// True if there are no rows up to there, by position.
    is_empty: bool,
    position: u64,
}

/// The current position in the WAL.
pub(super) const POSITION: &str = "SELECT pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_lsn";

/// The query for the number of sessions that wait for a lock of this one. An order to the backfill, or a worker whose
/// connection was lost, waits for the backfill's own row, which does not mean that the batch is too large.
/// Such a session has a lock on the row, or waits for that lock.
fn blocked(backfills: &str) -> String {
    format!(
        "SELECT count(*) FROM (SELECT DISTINCT pid FROM pg_catalog.pg_locks WHERE NOT granted) w \
         WHERE pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(w.pid)) AND NOT EXISTS \
         (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = w.pid AND l.locktype = 'tuple' AND l.relation = {}::regclass)",
        quote_literal(backfills)
    )
}

/// The settings that the text of a key depends on, and those that make the server read the keys from their index, whatever
/// its statistics say, and without a compilation that takes longer than the query. They are undone before the statement
/// runs.
pub(super) const PRINTING: &str = "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; \
                        SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; \
                        SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off";

impl Batch<'_> {
    /// Runs it. An error is one of the connection or of the bookkeeping.
    pub(super) async fn run(&self, session: &mut Session<'_>) -> Result<BatchOutcome, Error> {
        let began = Instant::now();
        session.mark("ROLLBACK");
        let outcome = self.run_marked(session, began).await;
        if !matches!(outcome, Ok(BatchOutcome::Done(_)))
            && let Err(lost) = simple_query(session, "ROLLBACK").await
        {
            return Err(outcome.err().unwrap_or(lost));
        }
        session.unmark();
        outcome
    }

    async fn run_marked(&self, session: &mut Session<'_>, began: Instant) -> Result<BatchOutcome, Error> {
        let begun = match self.begin(session).await? {
            Ok(begun) => begun,
            Err(outcome) => return Ok(outcome),
        };
        match self.change(session, &begun).await {
            Ok(Some(changed)) => Ok(done(changed, begun, began)),
            Ok(None) => Ok(BatchOutcome::StillMatches),
            Err(error) if error.as_db_error().is_some() => {
                Ok(BatchOutcome::Failed { until: begun.until, rows: begun.rows, error })
            }
            Err(error) => Err(error),
        }
    }

    async fn begin(&self, session: &Session<'_>) -> Result<Result<Begun, BatchOutcome>, Error> {
        let record = self.record;
        let cursor = record.cursor.as_deref();
        let message = [
            BEGIN.to_owned(),
            protect::no_timeouts(),
            self.lease.limits(self.work.script.options(), self.lock_timeout),
            format!(
                "SELECT worker = {}, state, rate::float8, {} FROM {} WHERE {} FOR UPDATE",
                quote_literal(self.lease.worker),
                is_at(cursor),
                self.lease.table.sql(),
                self.lease.table.is(&record.set, &record.version)
            ),
            "SAVEPOINT keys".to_owned(),
            PRINTING.to_owned(),
            next_key(&record.relation, self.key, cursor, self.rows),
            "ROLLBACK TO SAVEPOINT keys".to_owned(),
            POSITION.to_owned(),
        ]
        .join("; ");
        let mut answers = Answers::of(simple_query(session, &message).await?);
        let row = answers.after(5);
        let Some(row) = row.first() else { return Ok(Err(BatchOutcome::Moved)) };
        let Some(state) = text(row, 1).and_then(BackfillState::of_word) else {
            return Ok(Err(BatchOutcome::Moved));
        };
        let orders = Orders { state, rate: parsed(row, 2) };
        if state != BackfillState::Running && is_true(row, 0) {
            return Ok(Err(BatchOutcome::Ordered(orders)));
        }
        if !is_true(row, 0) || !is_true(row, 3) {
            return Ok(Err(BatchOutcome::Moved));
        }
        let keys = answers.after(8);
        let position = answers.after(1).first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        let Some(keys) = keys.first() else { return Ok(Err(BatchOutcome::NoRow)) };
        let rows = parsed(keys, 0).unwrap_or_default();
        let (until, is_empty) = last_key(self.key, keys);
        Ok(Ok(Begun { orders, rows, until, is_empty, position }))
    }

    /// Runs the statement, moves the cursor and commits; none if a changed row still meets the condition.
    async fn change(&self, session: &Session<'_>, begun: &Begun) -> Result<Option<Changed>, Error> {
        let range = Range { after: self.record.cursor.as_deref(), until: &begun.until };
        let (statement, counted) = match self.key {
            Key::Columns(_) => (Some(self.work.statement_of(self.key, range)), None),
            Key::RowPosition { .. } if begun.is_empty => (None, Some(0)),
            Key::RowPosition { .. } => {
                match by_position(session, &self.record.relation, self.work, range).await? {
                    Some(changed) => (None, Some(changed)),
                    None => return Ok(None),
                }
            }
        };
        let cursor = self.cursor(begun, counted.unwrap_or_default());
        let end = [
            DEFERRED.to_owned(),
            blocked(self.lease.table.sql()),
            POSITION.to_owned(),
            self.advance(begun, &cursor),
            "COMMIT".to_owned(),
        ];
        let has_statement = statement.is_some();
        // A statement may end with a comment.
        let message = statement.into_iter().chain(end).collect::<Vec<_>>().join("\n; ");
        let messages = simple_query(session, &message).await?;
        let changed = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        });
        let mut answers = Answers::of(messages);
        let blocked = answers.after(usize::from(has_statement) + 1);
        let position = answers.next();
        let number =
            |rows: &[SimpleQueryRow]| rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        Ok(Some(Changed {
            cursor,
            rows: counted.or(changed).unwrap_or_default(),
            blocked: number(&blocked),
            position: number(&position),
        }))
    }

    /// The cursor after the batch. By position, it counts the rows of the sweep that were changed, for another sweep.
    fn cursor(&self, begun: &Begun, changed: u64) -> Vec<String> {
        match self.key {
            Key::Columns(_) => begun.until.clone(),
            Key::RowPosition { .. } => cursor_at(&begun.until[0], changed_in_sweep(self.record) + changed),
        }
    }

    fn advance(&self, begun: &Begun, cursor: &[String]) -> String {
        format!(
            "WITH written AS (UPDATE {} SET \"cursor\" = {}, rows_done = rows_done + {}, batch_rows = {}, worker_until = {}, \
             progress_at = pg_catalog.clock_timestamp(), reason = NULL, error = NULL WHERE {} RETURNING 1) {ONE_ROW}",
            self.lease.table.sql(),
            array(cursor),
            begun.rows,
            self.next_rows,
            self.lease.until(),
            is_mine(self.lease.table, self.record, self.lease.worker)
        )
    }
}

/// The last key of a batch in the row of [`next_key`], and true if there are no rows up to there, by position.
pub(super) fn last_key(key: &Key, row: &SimpleQueryRow) -> (Vec<String>, bool) {
    match key {
        Key::Columns(columns) => {
            let texts = (1..=columns.len()).map(|column| text(row, column).unwrap_or_default().to_owned());
            (texts.collect(), false)
        }
        Key::RowPosition { .. } => {
            let position = text(row, 1).or(text(row, 2)).unwrap_or_default().to_owned();
            (vec![position], text(row, 1).is_none())
        }
    }
}

/// A query that fails if the row of the backfill was not written, although it is locked: a trigger or a rule has
/// discarded the change. The error is of no class that a smaller batch would help against.
pub(super) const ONE_ROW: &str = "SELECT CASE WHEN count(*) = 0 THEN \
                                  pg_catalog.current_setting('migrate.row_of_the_backfill_is_not_kept') END FROM written";

/// The effect of a batch's statement.
struct Changed {
    cursor: Vec<String>,
    rows: u64,
    blocked: u64,
    position: u64,
}

fn done(changed: Changed, begun: Begun, began: Instant) -> BatchOutcome {
    BatchOutcome::Done(BatchDone {
        cursor: changed.cursor,
        rows: begun.rows,
        changed: changed.rows,
        took: began.elapsed(),
        wal: changed.position.saturating_sub(begun.position),
        blocked: changed.blocked,
        orders: begun.orders,
    })
}
