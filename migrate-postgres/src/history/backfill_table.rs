//! The tables of backfills, beside the history: one row for each backfill that has begun, with the last key
//! that is done, and one row for each row of data that was set aside with its error.
//!
//! They are created with the first backfill. A batch and its row are one transaction, which is why the cursor
//! is never ahead of the data nor behind it. Whoever changes the row, to pause a backfill or to take it over,
//! waits for the batch under way and stops the next one.

use crate::connection::protect;
use crate::error::Error;
use crate::history::format;
use crate::history::head_table::beside_named;
use crate::history::session_info::SessionInfo;
use crate::history::{HistoryTable, make};
use crate::sql::answers::is_true;
use crate::sql::quote::{quote_ident, quote_if_needed, quote_literal};
use migrate_core::Checksum;
use migrate_core::advice::{Advice, NextStep};
use migrate_core::backfill::{BackfillRecord, BackfillState};
use std::time::SystemTime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

/// The ending of the name of the table of backfills.
pub(crate) const ENDING: &str = "_backfill";

/// The comment of the table of backfills.
const COMMENT: &str = "How far each backfill has come, by migrate-postgres. A batch of rows and its row here are one transaction.";

/// The comment of the table of quarantined rows.
const QUARANTINE_COMMENT: &str =
    "Rows that a backfill has set aside because of an error, by migrate-postgres.";

/// The server's current time.
const NOW: &str = "pg_catalog.clock_timestamp()";

/// The columns of a record, in the order of [`record`].
const COLUMNS: &str = "set_name, version, name, checksum, relation, key_columns, state, \"cursor\", rows_done, rows_total, \
                       quarantined, batch_rows, rate::float8, reason, error, \
                       CASE WHEN worker_until > pg_catalog.clock_timestamp() THEN worker END, begun_at, progress_at, done_at, \
                       key_order";

/// The tables of backfills, as SQL text.
#[derive(Clone, Debug)]
pub(crate) struct BackfillTable {
    schema: String,
    history: String,
    /// The table of backfills with its schema, as SQL.
    table: String,
    /// The table of quarantined rows with its schema, as SQL.
    quarantine: String,
}

/// A backfill that is to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewBackfill<'b> {
    /// The set.
    pub(crate) set: &'b str,
    /// The migration's version.
    pub(crate) version: &'b str,
    /// The migration's name.
    pub(crate) name: &'b str,
    /// The checksum of its script.
    pub(crate) checksum: Checksum,
    /// The table that the batches go over, as SQL.
    pub(crate) relation: &'b str,
    /// The rows of the first batch.
    pub(crate) batch_rows: u64,
    /// The rows of the table, by the server's estimate.
    pub(crate) rows_total: u64,
}

/// A row that a backfill has set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantinedRow {
    /// The migration's version.
    pub version: String,
    /// The key, as JSON.
    pub key: String,
    /// The SQLSTATE of its error.
    pub sqlstate: String,
    /// The server's message.
    pub error: String,
    /// When it was set aside.
    pub at: SystemTime,
}

impl BackfillTable {
    /// The tables beside a history.
    pub(crate) fn new(schema: &str, history: &str) -> BackfillTable {
        let beside =
            |ending| format!("{}.{}", quote_ident(schema), quote_ident(&beside_named(history, ending)));
        BackfillTable {
            schema: schema.to_owned(),
            history: history.to_owned(),
            table: beside(ENDING),
            quarantine: beside("_quarantine"),
        }
    }

    /// The tables beside a history.
    pub(crate) fn of(history: &HistoryTable) -> BackfillTable {
        BackfillTable::new(history.schema(), history.name())
    }

    /// The table of backfills, as SQL.
    pub(crate) fn sql(&self) -> &str {
        &self.table
    }

    /// The table of quarantined rows, as SQL.
    pub(crate) fn quarantine(&self) -> &str {
        &self.quarantine
    }

    /// The table of backfills, for messages.
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", self.schema, beside_named(&self.history, ENDING))
    }

    /// Statements that create the tables where they don't exist.
    pub(crate) fn create(&self) -> [String; 4] {
        let BackfillTable { table, quarantine, .. } = self;
        let states = BackfillState::ALL.map(|state| quote_literal(state.word())).join(", ");
        [
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (set_name text, version text, name text NOT NULL, checksum bytea NOT NULL, \
                 relation text NOT NULL, key_columns text[], key_order text[], state text NOT NULL CHECK (state IN ({states})), \
                 \"cursor\" text[], rows_done bigint NOT NULL DEFAULT 0, rows_total bigint NOT NULL DEFAULT 0, \
                 quarantined bigint NOT NULL DEFAULT 0, batch_rows bigint NOT NULL, rate numeric CHECK (rate > 0), \
                 reason text, error text, worker text, worker_until timestamp with time zone, \
                 begun_at timestamp with time zone NOT NULL DEFAULT {NOW}, progress_at timestamp with time zone, \
                 done_at timestamp with time zone, PRIMARY KEY (set_name, version))"
            ),
            format::comment(table, COMMENT),
            format!(
                "CREATE TABLE IF NOT EXISTS {quarantine} (set_name text, version text, key jsonb, sqlstate text NOT NULL, \
                 error text NOT NULL, retry boolean NOT NULL DEFAULT false, \
                 at timestamp with time zone NOT NULL DEFAULT {NOW}, PRIMARY KEY (set_name, version, key))"
            ),
            format::comment(quarantine, QUARANTINE_COMMENT),
        ]
    }

    /// Creates the tables, in a transaction of their own.
    pub(crate) async fn make(&self, client: &Client, session_info: &SessionInfo) -> Result<(), Error> {
        if self.exists(client).await? {
            return Ok(());
        }
        make(client, &self.create().join("; ")).await.map_err(|error| self.create_error(session_info, error))
    }

    /// The error of a failed creation.
    pub(crate) fn create_error(&self, session_info: &SessionInfo, error: tokio_postgres::Error) -> Error {
        if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Error::server("creating the tables of backfills", error);
        }
        let [schema, role] = [&self.schema, session_info.role()].map(quote_if_needed);
        Error::Privilege {
            role: session_info.role().to_owned(),
            what: "create the tables of backfills beside the history",
            message: message(&error),
            advice: Advice::of(NextStep::sql(format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")))
                .or(NextStep::fix("let a role with that privilege migrate first")),
        }
    }

    /// The error of a failed read or write.
    pub(crate) fn error(&self, doing: &'static str, error: tokio_postgres::Error) -> Error {
        match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Error::Privilege {
                role: "of this session".to_owned(),
                what: "read and write the tables of backfills",
                message: message(&error),
                advice: Advice::of(NextStep::sql(format!(
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON {}, {} TO the role",
                    self.table, self.quarantine
                ))),
            },
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Error::standby("the server does not accept writes"),
            _ => Error::server(doing, error),
        }
    }

    /// True if the tables exist.
    pub(crate) async fn exists(&self, client: &Client) -> Result<bool, Error> {
        let sql = format!("SELECT pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(&self.table));
        let rows = protect::ask(client, &sql).await.map_err(|error| self.error(READING, error))?;
        Ok(rows.first().is_some_and(|row| is_true(row, 0)))
    }

    /// Begins a backfill, in the transaction of its migration: from then on, any runner may take it. A
    /// migration that was reverted and is applied again begins anew.
    pub(crate) fn begin(&self, new: &NewBackfill<'_>) -> [String; 2] {
        let NewBackfill { set, version, name, checksum, relation, batch_rows, rows_total } = new;
        let relation = quote_literal(relation);
        let begin = format!(
            "INSERT INTO {table} AS b (set_name, version, name, checksum, relation, state, batch_rows, rows_total) \
             VALUES ({set}, {version}, {name}, '\\x{checksum}', coalesce((SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = pg_catalog.to_regclass({relation})), {relation}), 'running', {batch_rows}, {rows_total}) \
             ON CONFLICT (set_name, version) DO UPDATE SET (name, checksum, relation, state, batch_rows, rows_total, key_columns, \
             key_order, \"cursor\", rows_done, quarantined, rate, reason, error, worker, worker_until, begun_at, progress_at, done_at) = \
             ROW(excluded.name, excluded.checksum, excluded.relation, excluded.state, excluded.batch_rows, excluded.rows_total, \
             NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, {NOW}, NULL, NULL)",
            table = self.table,
            set = quote_literal(set),
            version = quote_literal(version),
            name = quote_literal(name),
            checksum = hex(checksum.bytes()),
        );
        [begin, self.forget_quarantined(new.set, new.version)]
    }

    /// Forgets a backfill whose migration is reverted, in the transaction of the revert.
    pub(crate) fn forget(&self, set: &str, version: &str) -> [String; 2] {
        let forget = format!("DELETE FROM {} WHERE {}", self.table, self.is(set, version));
        [forget, self.forget_quarantined(set, version)]
    }

    /// Lets a backfill go on with the accepted text of its migration.
    pub(crate) fn accept(&self, set: &str, version: &str, checksum: Checksum) -> String {
        format!(
            "UPDATE {} SET checksum = '\\x{}' WHERE {}",
            self.table,
            hex(checksum.bytes()),
            self.is(set, version)
        )
    }

    fn forget_quarantined(&self, set: &str, version: &str) -> String {
        format!("DELETE FROM {} WHERE {}", self.quarantine, self.is(set, version))
    }

    /// The condition of a backfill's row.
    pub(crate) fn is(&self, set: &str, version: &str) -> String {
        format!("set_name = {} AND version = {}", quote_literal(set), quote_literal(version))
    }

    /// Ends a backfill that has no row left.
    pub(crate) fn finish(&self, set: &str, version: &str) -> String {
        format!(
            "UPDATE {} SET state = 'done', reason = NULL, error = NULL, worker = NULL, worker_until = NULL, done_at = {NOW} \
             WHERE {}",
            self.table,
            self.is(set, version)
        )
    }

    /// Reads the backfills of a set, in the order in which they began; none where there is no table.
    pub(crate) async fn read(
        &self,
        client: &Client,
        session_info: &SessionInfo,
        set: &str,
    ) -> Result<Vec<BackfillRecord>, Error> {
        let sql =
            format!("SELECT {COLUMNS} FROM {} WHERE set_name = $1 ORDER BY begun_at, version", self.table);
        match session_info.ask(client, &sql, &[(&set, Type::TEXT)]).await {
            Ok(rows) => rows.iter().map(|row| self.record(set, row)).collect(),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
            Err(error) => Err(self.error(READING, error)),
        }
    }

    /// Reads the rows that the backfills of a set have set aside, in the order of their keys; at most `limit`.
    pub(crate) async fn quarantined(
        &self,
        client: &Client,
        session_info: &SessionInfo,
        set: &str,
        limit: i64,
    ) -> Result<Vec<QuarantinedRow>, Error> {
        let sql = format!(
            "SELECT version, key::text, sqlstate, error, at FROM {} WHERE set_name = $1 ORDER BY version, at, key LIMIT $2",
            self.quarantine
        );
        match session_info.ask(client, &sql, &[(&set, Type::TEXT), (&limit, Type::INT8)]).await {
            Ok(rows) => Ok(rows.iter().map(quarantined).collect()),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
            Err(error) => Err(self.error(READING, error)),
        }
    }

    fn record(&self, set: &str, row: &Row) -> Result<BackfillRecord, Error> {
        record(row).map_err(|problem| Error::DamagedRow {
            table: self.shown(),
            set: set.to_owned(),
            row: 1,
            problem,
        })
    }
}

/// The action that an error of a read interrupts.
const READING: &str = "reading the backfills";

fn message(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(String::new, |db| db.message().to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn record(row: &Row) -> Result<BackfillRecord, String> {
    let text = |column| get::<String>(row, column);
    let number = |column| u64::try_from(get::<i64>(row, column)?).map_err(|error| error.to_string());
    let state = text(6)?;
    let mut record = BackfillRecord::new(text(0)?, text(1)?, text(2)?);
    record.checksum = get(row, 3)?;
    record.relation = text(4)?;
    record.key_columns = get(row, 5)?;
    record.state = BackfillState::of_word(&state).ok_or_else(|| format!("`{state}` is not a state"))?;
    record.cursor = get(row, 7)?;
    record.rows_done = number(8)?;
    record.rows_total = number(9)?;
    record.quarantined = number(10)?;
    record.batch_rows = number(11)?;
    record.rate = get(row, 12)?;
    record.reason = get(row, 13)?;
    record.error = get(row, 14)?;
    record.worker = get(row, 15)?;
    record.begun_at = get(row, 16)?;
    record.progress_at = get(row, 17)?;
    record.done_at = get(row, 18)?;
    record.key_order = get(row, 19)?;
    Ok(record)
}

fn get<'r, V: FromSql<'r>>(row: &'r Row, column: usize) -> Result<V, String> {
    row.try_get(column).map_err(|error| error.to_string())
}

fn quarantined(row: &Row) -> QuarantinedRow {
    QuarantinedRow {
        version: row.get(0),
        key: row.get(1),
        sqlstate: row.get(2),
        error: row.get(3),
        at: row.get(4),
    }
}
