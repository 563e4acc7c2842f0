//! Sweeps over the positions of rows, for a table without a key: the statement's own condition tells which
//! rows are done.

use super::key::Key;
use super::lease::Lease;
use super::work::{Range, Work, is_mine};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::sql::answers::{Answers, is_true, parsed, simple_query};
use crate::sql::transaction::{BEGIN, milliseconds};
use migrate_core::backfill::{BackfillRecord, Reaction, reaction};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// The outcome of a sweep that changed no row.
pub(super) enum SweepEnd {
    /// No row meets the condition, and the backfill is done.
    Done,
    /// Rows meet the condition: others have moved them behind the cursor, or written them there.
    RowsLeft,
    /// Another worker has the backfill, or an operator wants something else.
    Moved,
}

impl Lease<'_> {
    /// Ends the backfill after a sweep that changed no row, if no row is left that meets the condition. Those that were set
    /// aside do, at their positions. The row of the backfill is locked meanwhile, as by a batch.
    pub(super) async fn end_sweep(
        &self,
        session: &mut Session<'_>,
        record: &BackfillRecord,
        work: &Work<'_>,
        lock_timeout: Duration,
    ) -> Result<SweepEnd, Error> {
        session.mark("ROLLBACK");
        let ended = self.end_sweep_marked(session, record, work, lock_timeout).await;
        if !matches!(ended, Ok(SweepEnd::Done))
            && let Err(lost) = simple_query(session, "ROLLBACK").await
        {
            return Err(ended.err().unwrap_or(lost));
        }
        session.unmark();
        ended
    }

    async fn end_sweep_marked(
        &self,
        session: &Session<'_>,
        record: &BackfillRecord,
        work: &Work<'_>,
        lock_timeout: Duration,
    ) -> Result<SweepEnd, Error> {
        let mine = format!(
            "{BEGIN}; {}; {}; SET LOCAL statement_timeout = {}; SELECT true FROM {} WHERE {} FOR UPDATE",
            protect::no_timeouts(),
            self.limits(work.script.options(), lock_timeout),
            // It goes over the whole table.
            milliseconds(self.before_deadline(Duration::ZERO)),
            self.table.sql(),
            is_mine(self.table, record, self.worker),
        );
        let mut answers = Answers::of(simple_query(session, &mine).await?);
        if !answers.after(6).first().is_some_and(|row| is_true(row, 0)) {
            return Ok(SweepEnd::Moved);
        }
        let is_left = match simple_query(session, &self.is_left(record, work)).await {
            Ok(messages) => Answers::of(messages).next().first().is_some_and(|row| is_true(row, 0)),
            // A row that raises an error meets the statement as well.
            Err(error) if reaction(error.code().map(SqlState::code)) == Reaction::Isolate => true,
            Err(error) => return Err(error),
        };
        if is_left {
            return Ok(SweepEnd::RowsLeft);
        }
        let finish = self.table.finish(&record.set, &record.version);
        simple_query(session, &format!("{finish}; COMMIT")).await?;
        Ok(SweepEnd::Done)
    }

    /// The query for rows that meet the condition, other than those that were set aside, whose condition may raise the error.
    fn is_left(&self, record: &BackfillRecord, work: &Work<'_>) -> String {
        let (table, condition) = named(work);
        format!(
            "SELECT EXISTS (SELECT FROM {} AS {table} WHERE CASE WHEN {table}.ctid = ANY (ARRAY(SELECT (key ->> 'ctid')::tid \
             FROM {} WHERE {})) THEN false ELSE ({condition}\n) END)",
            record.relation,
            self.table.quarantine(),
            self.table.is(&record.set, &record.version),
        )
    }

    /// Begins another sweep; false if another worker has the backfill.
    pub(super) async fn sweep_again(&self, client: &Client, record: &BackfillRecord) -> Result<bool, Error> {
        let sql = format!(
            "UPDATE {} SET \"cursor\" = NULL WHERE {} RETURNING 1",
            self.table.sql(),
            is_mine(self.table, record, self.worker)
        );
        Ok(!protect::ask(client, &sql).await?.is_empty())
    }
}

/// The cursor at a position, in a sweep that has changed this many rows.
pub(super) fn cursor_at(position: &str, changed: u64) -> Vec<String> {
    vec![position.to_owned(), changed.to_string()]
}

/// The rows that were changed in the current sweep over the positions of rows.
pub(super) fn changed_in_sweep(record: &BackfillRecord) -> u64 {
    let changed = record.cursor.as_ref().and_then(|cursor| cursor.get(1)?.parse().ok());
    changed.unwrap_or_default()
}

/// Runs the statement over a range of positions, and looks for the changed rows at their new ones: the number of those
/// rows, or none if one of them still meets the condition.
pub(super) async fn by_position(
    client: &Client,
    relation: &str,
    work: &Work<'_>,
    range: Range<'_>,
) -> Result<Option<u64>, Error> {
    let key = Key::RowPosition { rows_per_page: 1 };
    let (table, condition) = named(work);
    let statement = work.statement_of(&key, range);
    let message = format!(
        "WITH changed AS ({}\nRETURNING {table}.ctid AS position) SELECT count(*), pg_catalog.set_config('migrate.changed', \
         coalesce(array_agg(position)::text, '{{}}'), true) FROM changed; \
         SELECT count(*) FROM {relation} AS {table} WHERE {table}.ctid = ANY (pg_catalog.current_setting('migrate.changed')::tid[]) \
         AND ({condition}\n)",
        statement.trim_end().trim_end_matches(';'),
    );
    let mut answers = Answers::of(simple_query(client, &message).await?);
    let mut number = || answers.next().first().and_then(|row| parsed::<u64>(row, 0)).unwrap_or_default();
    let (changed, still) = (number(), number());
    Ok((still == 0).then_some(changed))
}

/// The name of the table in the statement, and the statement's condition without its range.
fn named<'w>(work: &'w Work<'_>) -> (&'w str, &'w str) {
    let specification = &work.specification;
    let table = specification.qualifier.as_deref().unwrap_or_default();
    (table, specification.condition.as_deref().unwrap_or("true"))
}
