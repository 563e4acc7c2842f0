//! Rows that are set aside with their error, and tried again.

use super::key::Key;
use super::lease::Lease;
use super::work::{Work, array, is_mine, json};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::sql::answers::{Answers, is_true, simple_query, text};
use crate::sql::quote::quote_literal;
use crate::sql::transaction::{BEGIN, DEFERRED};
use migrate_core::backfill::BackfillRecord;
use std::time::Duration;
use tokio_postgres::{Client, Error};

/// The error of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowError {
    pub(super) sqlstate: String,
    pub(super) message: String,
}

impl RowError {
    pub(super) fn of(error: &Error) -> RowError {
        match error.as_db_error() {
            Some(db) => RowError { sqlstate: db.code().code().to_owned(), message: db.message().to_owned() },
            None => RowError { sqlstate: String::new(), message: error.to_string() },
        }
    }
}

/// The outcome of a row that is tried again.
pub(super) enum Retried {
    /// No row is to be tried.
    NoRow,
    /// It was changed, and is no longer set aside.
    Done,
    /// It still raises an error.
    Failed {
        /// Its key, as JSON.
        key: String,
        error: Error,
    },
    /// Another worker has the backfill, or an operator wants something else.
    Moved,
}

impl Lease<'_> {
    /// Sets a row aside and moves the cursor behind it; the JSON of its key, or none if the backfill has moved on.
    pub(super) async fn set_aside(
        &self,
        client: &Client,
        record: &BackfillRecord,
        key: &Key,
        cursor: &[String],
        error: &RowError,
    ) -> Result<Option<(String, bool)>, Error> {
        let json = json(key, &cursor[..key.names().len().max(1)]);
        let [set, version, sqlstate, message] =
            [&record.set, &record.version, &error.sqlstate, &error.message].map(|text| quote_literal(text));
        let sql = format!(
            "WITH mine AS (SELECT FROM {table} WHERE {mine} FOR UPDATE), \
             kept AS (INSERT INTO {quarantine} AS q (set_name, version, key, sqlstate, error) \
             SELECT {set}, {version}, {json}, {sqlstate}, {message} FROM mine ON CONFLICT (set_name, version, key) \
             DO UPDATE SET (sqlstate, error, retry, at) = ROW(excluded.sqlstate, excluded.error, false, excluded.at) \
             RETURNING key, (xmax = 0)::int AS is_new) \
             UPDATE {table} b SET \"cursor\" = {cursor}, rows_done = rows_done + 1, quarantined = quarantined + kept.is_new, \
             worker_until = {until}, progress_at = pg_catalog.clock_timestamp() FROM kept WHERE b.set_name = {set} AND b.version = {version} RETURNING kept.key::text, kept.is_new",
            table = self.table.sql(),
            mine = is_mine(self.table, record, self.worker),
            quarantine = self.table.quarantine(),
            cursor = array(cursor),
            until = self.until(),
        );
        let rows = protect::ask(client, &sql).await?;
        Ok(rows.first().and_then(|row| Some((text(row, 0)?.to_owned(), text(row, 1)? == "1"))))
    }

    /// The JSON of a row's key, and true if the row was set aside before.
    pub(super) async fn is_aside(
        &self,
        client: &Client,
        record: &BackfillRecord,
        key: &Key,
        cursor: &[String],
    ) -> Result<(String, bool), Error> {
        let sql = format!(
            "SELECT k.key::text, EXISTS (SELECT FROM {} q WHERE {} AND q.key = k.key) FROM (SELECT {} AS key) k",
            self.table.quarantine(),
            self.table.is(&record.set, &record.version),
            json(key, &cursor[..key.names().len().max(1)]),
        );
        let rows = protect::ask(client, &sql).await?;
        let row = rows.first();
        let json = row.and_then(|row| text(row, 0)).unwrap_or_default().to_owned();
        Ok((json, row.is_some_and(|row| is_true(row, 1))))
    }

    /// Tries the next row that is to be tried again, in a transaction of its own.
    pub(super) async fn retry(
        &self,
        session: &mut Session<'_>,
        record: &BackfillRecord,
        work: &Work<'_>,
        key: &Key,
        lock_timeout: Duration,
    ) -> Result<Retried, Error> {
        session.mark("ROLLBACK");
        let retried = self.retry_marked(session, record, work, key, lock_timeout).await;
        if !matches!(retried, Ok(Retried::Done))
            && let Err(lost) = simple_query(session, "ROLLBACK").await
        {
            return Err(retried.err().unwrap_or(lost));
        }
        session.unmark();
        retried
    }

    async fn retry_marked(
        &self,
        session: &Session<'_>,
        record: &BackfillRecord,
        work: &Work<'_>,
        key: &Key,
        lock_timeout: Duration,
    ) -> Result<Retried, Error> {
        let (is, quarantine) = (self.table.is(&record.set, &record.version), self.table.quarantine());
        let names = key.names();
        let texts: Vec<String> =
            names.iter().map(|name| format!("key ->> {}", quote_literal(name))).collect();
        let message = format!(
            "{BEGIN}; {}; {}; SELECT true FROM {} WHERE {} FOR UPDATE; \
             SELECT key::text, {} FROM {quarantine} WHERE {is} AND retry ORDER BY at, key LIMIT 1",
            protect::no_timeouts(),
            self.limits(work.script.options(), lock_timeout),
            self.table.sql(),
            is_mine(self.table, record, self.worker),
            texts.join(", "),
        );
        let mut answers = Answers::of(simple_query(session, &message).await?);
        if !answers.after(5).first().is_some_and(|row| is_true(row, 0)) {
            return Ok(Retried::Moved);
        }
        let rows = answers.next();
        let Some(row) = rows.first() else { return Ok(Retried::NoRow) };
        let values: Vec<String> =
            (1..=names.len()).map(|column| text(row, column).unwrap_or_default().to_owned()).collect();
        let tried = text(row, 0).unwrap_or_default().to_owned();
        let message = format!(
            "{}\n; {DEFERRED}; DELETE FROM {quarantine} WHERE {is} AND key = {}::jsonb; \
             WITH written AS (UPDATE {} SET quarantined = quarantined - 1, worker_until = {}, \
             progress_at = pg_catalog.clock_timestamp() WHERE {} RETURNING 1) {}; COMMIT",
            work.statement(&work.condition_of_row(key, &values)),
            quote_literal(&tried),
            self.table.sql(),
            self.until(),
            is_mine(self.table, record, self.worker),
            super::batch::ONE_ROW,
        );
        match simple_query(session, &message).await {
            Ok(_) => Ok(Retried::Done),
            Err(error) if error.as_db_error().is_some() => Ok(Retried::Failed { key: tried, error }),
            Err(error) => Err(error),
        }
    }

    /// Keeps the new error of the row with this key, which is not tried again by itself.
    pub(super) async fn keep_aside(
        &self,
        client: &Client,
        record: &BackfillRecord,
        key: &str,
        error: &RowError,
    ) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET retry = false, sqlstate = {}, error = {}, at = pg_catalog.clock_timestamp() \
             WHERE {} AND key = {}::jsonb",
            self.table.quarantine(),
            quote_literal(&error.sqlstate),
            quote_literal(&error.message),
            self.table.is(&record.set, &record.version),
            quote_literal(key),
        );
        protect::ask(client, &sql).await.map(drop)
    }
}
