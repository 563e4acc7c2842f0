//! The lease: the worker that a backfill belongs to, in its row.
//!
//! A worker that holds it renews it with each batch, and with each look while it pauses. Another one takes it when
//! it has expired; whoever has lost it notices at the next batch, which begins with the row.

use super::key::Key;
use super::settings::RunnerSettings;
use super::work::{array, is_mine};
use crate::connection::protect;
use crate::history::backfill_table::BackfillTable;
use crate::sql::answers::{parsed, text};
use crate::sql::quote::{quote_literal, quote_nullable};
use crate::sql::transaction::milliseconds;
use migrate_core::Options;
use migrate_core::backfill::{BackfillRecord, BackfillState};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error};

/// The server's current time.
const NOW: &str = "pg_catalog.clock_timestamp()";

/// A worker's hold on a backfill.
#[derive(Clone, Copy)]
pub(super) struct Lease<'l> {
    pub(super) table: &'l BackfillTable,
    pub(super) worker: &'l str,
    pub(super) settings: &'l RunnerSettings,
}

/// The orders of an operator that a worker follows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Orders {
    /// The state.
    pub(super) state: BackfillState,
    /// The most rows per second.
    pub(super) rate: Option<f64>,
}

impl Lease<'_> {
    /// The end of a lease that begins now, as SQL.
    pub(super) fn until(&self) -> String {
        format!("{NOW} + interval '{} milliseconds'", self.settings.lease.as_millis())
    }

    /// Takes a backfill that no other worker has. One backfill at a time works on a table: two that are taken at once
    /// meet at a lock of that table, which lasts for the transaction of this message.
    pub(super) async fn take(&self, client: &Client, record: &BackfillRecord) -> Result<bool, Error> {
        let (table, me) = (self.table.sql(), quote_literal(self.worker));
        let is_other = format!("o.worker <> {me} AND o.worker_until > {NOW}");
        let message = format!(
            "BEGIN; {}; SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('migrate backfill ' || {}, 0)); \
             UPDATE {table} b SET worker = {me}, worker_until = {} WHERE {} AND state = 'running' \
             AND (worker IS NULL OR worker = {me} OR worker_until < {NOW}) AND NOT EXISTS \
             (SELECT FROM {table} o WHERE o.relation = b.relation AND (o.set_name, o.version) <> (b.set_name, b.version) \
             AND {is_other}) AND EXISTS (SELECT FROM {table} o WHERE (o.set_name, o.version) = (b.set_name, b.version) \
             FOR UPDATE SKIP LOCKED) RETURNING 1; COMMIT",
            protect::no_timeouts(),
            quote_literal(&record.relation),
            self.until(),
            self.table.is(&record.set, &record.version),
        );
        let mut answers = crate::sql::answers::Answers::of(client.simple_query(&message).await?);
        Ok(!answers.after(3).is_empty())
    }

    /// Renews it during a pause, with the reason for others to see; what the operator wants now, or none if it was lost.
    pub(super) async fn renew(
        &self,
        client: &Client,
        record: &BackfillRecord,
        reason: Option<&str>,
    ) -> Result<Option<Orders>, Error> {
        let sql = format!(
            "UPDATE {} SET worker_until = {}, reason = CASE WHEN state = 'running' THEN {} ELSE reason END WHERE {} \
             AND worker = {} RETURNING state, rate::float8",
            self.table.sql(),
            self.until(),
            quote_nullable(reason),
            self.table.is(&record.set, &record.version),
            quote_literal(self.worker)
        );
        let rows = protect::ask(client, &sql).await?;
        Ok(rows.first().and_then(|row| {
            Some(Orders { state: BackfillState::of_word(text(row, 0)?)?, rate: parsed(row, 1) })
        }))
    }

    /// Writes down the key that was chosen.
    pub(super) async fn choose(
        &self,
        client: &Client,
        record: &BackfillRecord,
        key: &Key,
    ) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET key_columns = {}, key_order = {} WHERE {}",
            self.table.sql(),
            array(&key.names()),
            array(&key.order()),
            is_mine(self.table, record, self.worker)
        );
        protect::ask(client, &sql).await.map(drop)
    }

    /// Ends the backfill, if no row was added to its quarantine that is to be tried again.
    pub(super) async fn finish(&self, client: &Client, record: &BackfillRecord) -> Result<bool, Error> {
        let finish = self.table.finish(&record.set, &record.version);
        let sql = format!(
            "{finish} AND worker = {} AND state = 'running' AND {} RETURNING 1",
            quote_literal(self.worker),
            super::work::is_at(record.cursor.as_deref())
        );
        Ok(!protect::ask(client, &sql).await?.is_empty())
    }

    /// Releases the lease, so that another worker need not wait for it to expire.
    pub(super) async fn release(&self, client: &Client, record: &BackfillRecord) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET worker = NULL, worker_until = NULL, reason = CASE WHEN state = 'running' THEN NULL ELSE reason END \
             WHERE {} AND worker = {}",
            self.table.sql(),
            self.table.is(&record.set, &record.version),
            quote_literal(self.worker)
        );
        protect::ask(client, &sql).await.map(drop)
    }

    /// Stops the backfill for an error, which the row keeps.
    pub(super) async fn stop(
        &self,
        client: &Client,
        record: &BackfillRecord,
        error: &str,
    ) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET state = 'stopped', error = {}, reason = NULL, worker = NULL, worker_until = NULL \
             WHERE {} AND worker = {} AND state = 'running'",
            self.table.sql(),
            quote_literal(error),
            self.table.is(&record.set, &record.version),
            quote_literal(self.worker)
        );
        protect::ask(client, &sql).await.map(drop)
    }

    /// The state of the backfill; none if its row is gone.
    pub(super) async fn state(
        &self,
        client: &Client,
        record: &BackfillRecord,
    ) -> Result<Option<BackfillState>, Error> {
        let sql = format!(
            "SELECT state FROM {} WHERE {}",
            self.table.sql(),
            self.table.is(&record.set, &record.version)
        );
        let rows = protect::ask(client, &sql).await?;
        Ok(rows.first().and_then(|row| BackfillState::of_word(text(row, 0)?)))
    }

    /// The limits of a batch with these options, as settings of its transaction: three statements.
    pub(super) fn limits(&self, options: &Options, lock_timeout: Duration) -> String {
        // Well before the lease ends.
        let statement = options.statement_timeout.unwrap_or(self.settings.lease * 2 / 3);
        format!(
            "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; \
             SET LOCAL idle_in_transaction_session_timeout = {}",
            milliseconds(self.before_deadline(statement)),
            milliseconds(options.lock_timeout.unwrap_or(lock_timeout)),
            milliseconds(self.settings.lease)
        )
    }

    /// A time limit of a statement, zero being none, so that it ends by the deadline.
    pub(super) fn before_deadline(&self, limit: Duration) -> Duration {
        let Some(deadline) = self.settings.deadline else { return limit };
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if limit.is_zero() { left } else { limit.min(left) }
    }
}
