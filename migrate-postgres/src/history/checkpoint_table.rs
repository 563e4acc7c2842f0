//! The checkpoint table, beside another tool's table that is kept as the history: it has one row for a
//! migration that is committed in parts, if the tool's table has no column for its progress. It is created
//! with the row and dropped when the migration ends, so it exists only while a migration is in progress or
//! interrupted.

use crate::connection::protect::SessionTimeouts;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::history::foreign_writer::{Checkpoint, Checkpoints, Entry};
use crate::history::format;
use crate::history::head_table;
use crate::sql::quote::quote_literal;
use migrate_core::history::{HistoryState, Interrupted};
use migrate_core::plan::{Action, Step};
use migrate_core::{Checksum, InvalidChecksum, Set, Version};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The comment of the table.
const COMMENT: &str = "How far a migration has come that is committed in parts, by migrate-postgres. It is dropped when that has ended.";

/// The table's name.
pub(crate) fn name(history: &str) -> String {
    head_table::beside_named(history, "_checkpoint")
}

/// The table as storage for checkpoints.
#[derive(Debug)]
pub(super) struct CheckpointTable;

fn version(step: &Step<'_>) -> String {
    quote_literal(&step.version.canonical())
}

impl Checkpoints for CheckpointTable {
    fn claim(&self, entry: Entry<'_>) -> String {
        let Entry { checkpoints: table, step, .. } = entry;
        let comment = format::comment(table, COMMENT);
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (version text PRIMARY KEY, name text NOT NULL, action text NOT NULL, \
             checksum text NOT NULL, done integer NOT NULL, failed boolean NOT NULL, \
             started_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp()); {comment}; \
             INSERT INTO {table} (version, name, action, checksum, done, failed) \
             VALUES ({}, {}, '{}', '{}', 0, false)",
            version(step),
            quote_literal(&step.name),
            step.action.word(),
            step.checksum,
        )
    }

    fn row(&self, entry: Entry<'_>) -> String {
        format!("version = {}", version(entry.step))
    }

    fn table<'e>(&self, entry: Entry<'e>) -> &'e str {
        entry.checkpoints
    }

    fn move_to(&self, entry: Entry<'_>, from: Option<Checkpoint>, to: Checkpoint) -> String {
        let is_at = |from: Checkpoint| format!("done = {} AND failed = {}", from.done, from.failed);
        let condition = from.map_or_else(|| "true".to_owned(), is_at);
        format!(
            "UPDATE {} SET done = {}, failed = {}, checksum = CASE WHEN {condition} THEN checksum END WHERE {}",
            entry.checkpoints,
            to.done,
            to.failed,
            self.row(entry)
        )
    }

    fn complete(&self, entry: Entry<'_>) -> Vec<String> {
        let Entry { checkpoints: table, step, keeps, .. } = entry;
        let took = format!(
            "SELECT extract(epoch FROM pg_catalog.clock_timestamp() - started_at)::float8 FROM {table} WHERE {}",
            self.row(entry)
        );
        let write = match step.action {
            // A revert that is settled as never done keeps the tool's row, and an attempt that is settled as
            // undone has no row.
            _ if !step.changes => None,
            Action::Apply | Action::Mark => Some(keeps.insert(entry)),
            _ => Some(keeps.delete(entry)),
        };
        std::iter::once(took).chain(write).chain([format!("DROP TABLE {table}")]).collect()
    }
}

/// True if the table exists, as SQL; `relation` is its name as SQL.
pub(crate) fn exists(relation: &str) -> String {
    format!("pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(relation))
}

/// Reads the migration in progress or interrupted from the table, which may have been dropped since it was
/// seen.
pub(crate) async fn interrupted(
    client: &Client,
    timeouts: SessionTimeouts,
    relation: &str,
    set: &Set,
) -> Result<Option<Interrupted>, Error> {
    let sql = format!("SELECT version, name, action, checksum, done, failed FROM {relation}");
    let rows = match timeouts.ask(client, &sql, &[]).await {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(None),
        Err(error) => return Err(Error::server("reading the progress of an interrupted migration", error)),
    };
    let Some(row) = rows.first() else { return Ok(None) };
    let damaged = |problem: String| Error::DamagedRow {
        table: relation.to_owned(),
        set: set.name().to_owned(),
        row: 1,
        problem,
    };
    let checksum: Checksum =
        row.get::<_, &str>(3).parse().map_err(|error: InvalidChecksum| damaged(error.to_string()))?;
    let done = usize::try_from(row.get::<_, i32>(4)).map_err(|error| damaged(error.to_string()))?;
    let version = Version::new(row.get::<_, String>(0), set.order());
    let interrupted = Interrupted::new(version, row.get::<_, String>(1), checksum, done);
    let interrupted = if row.get(5) { interrupted.failed() } else { interrupted };
    let reverts = row.get::<_, &str>(2) == Action::Revert.word();
    Ok(Some(if reverts { interrupted.reverting() } else { interrupted }))
}

/// Reads it into a state, if the table exists.
pub(crate) async fn load(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
    state: HistoryState,
) -> Result<HistoryState, Error> {
    let relation = session_info.table.checkpoint_table();
    let there = session_info.ask(client, &format!("SELECT {}", exists(&relation)), &[]).await;
    let there = there.map_err(|source| Error::server("reading the history", source))?;
    if !there.first().is_some_and(|row| row.get(0)) {
        return Ok(state);
    }
    let interrupted = interrupted(client, session_info.timeouts, &relation, set).await?;
    Ok(HistoryState { interrupted: interrupted.or(state.interrupted), ..state })
}
