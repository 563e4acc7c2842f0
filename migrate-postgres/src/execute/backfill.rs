//! The beginning of a backfill. On a small table, the migration runs it as a whole; otherwise the migration
//! only records that it has begun, and runners take its batches.

use super::Context;
use super::failure::{place, server_failure};
use super::history_error::is_contention;
use crate::error::{ApplyError, BackfillCause};
use crate::history::backfill_table::{BackfillTable, NewBackfill};
#[cfg(feature = "operate")]
use crate::history::settings::RunSettings;
use crate::sql::answers::{Answers, parsed, simple_query, text};
use crate::sql::quote::quote_literal;
use crate::sql::transaction::BEGIN;
#[cfg(feature = "operate")]
use crate::sql::transaction::milliseconds;
use migrate_core::advice::Words;
use migrate_core::backfill::{FIRST_ROWS, Specification};
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;
use migrate_core::{Options, Payload};
#[cfg(feature = "operate")]
use tokio_postgres::Client;
use tokio_postgres::SimpleQueryMessage;

/// A backfill that is begun and not run.
pub(crate) struct BegunBackfill {
    /// The statements that record it.
    pub(crate) statements: Vec<String>,
    /// The table, as SQL.
    pub(crate) relation: String,
    /// The number of its rows, by the server's estimate.
    pub(crate) rows: u64,
}

/// Returns true if a step runs in batches, or may.
pub(crate) fn has_backfill(step: &Step<'_>) -> bool {
    matches!(step.payload, Some(Payload::Backfill(_)))
}

/// The size of a table.
struct TableSize {
    /// Its rows: counted up to the limit where it has few bytes, otherwise estimated.
    rows: u64,
    is_large: bool,
}

/// Decides how a step's backfill is run, by the size of its table; `None` if the step runs it as a whole, or
/// has none.
///
/// The migration lock is held, so no other migration can change the table before the step's transaction.
pub(crate) async fn begin_backfill(
    context: &Context<'_>,
    table: &BackfillTable,
    step: &Step<'_>,
) -> Result<Option<BegunBackfill>, ApplyError> {
    let Some(specification) = step.script().and_then(Specification::of) else { return Ok(None) };
    // A table that can't be read fails in the script, with its line and column.
    let size = table_size(context, step, &specification.relation).await?;
    let Some(TableSize { rows, .. }) = size.filter(|size| size.is_large) else { return Ok(None) };
    let new = NewBackfill {
        set: context.run.set,
        version: &step.version.canonical(),
        name: &step.name,
        checksum: step.checksum,
        relation: &specification.relation,
        batch_rows: specification.rows.map_or(FIRST_ROWS, |rows| rows.get().into()),
        rows_total: rows,
    };
    let statements = table.begin(&new).to_vec();
    Ok(Some(BegunBackfill { statements, relation: specification.relation, rows }))
}

/// The failure of a migration whose statement can't run in batches, at the header that says that it does.
pub(crate) fn no_batches(step: &Step<'_>, relation: &str, cause: &BackfillCause) -> ApplyError {
    let mut failure =
        Failure::new(step.version.clone(), step.name.clone(), step.action, cause.fact(relation));
    failure.hint = Some(cause.advice().text(Words::Library));
    failure.place = step.script().map(|script| {
        let header = script.text().find("batch=").unwrap_or_default();
        place(script, header)
    });
    ApplyError::Failed(Box::new(failure))
}

/// Asks for the size of a table; `None` if the server can't tell.
async fn table_size(
    context: &Context<'_>,
    step: &Step<'_>,
    relation: &str,
) -> Result<Option<TableSize>, ApplyError> {
    let timeouts = context.timeouts(&Options::NONE, true).join("; ");
    let settings = &context.settings.backfills;
    let message = format!(
        "{BEGIN}; {timeouts}; {}; COMMIT",
        size_query(relation, settings.inline_rows, settings.inline_bytes)
    );
    let answer = match simple_query(context.client, &message).await {
        Ok(answer) => answer,
        Err(error) => {
            drop(context.client.batch_execute("ROLLBACK").await);
            return match error.as_db_error() {
                _ if is_contention(&error) => {
                    Err(ApplyError::Contended(Box::new(server_failure(step, step.script(), None, error))))
                }
                Some(_) => Ok(None),
                None => Err(ApplyError::Failed(Box::new(server_failure(step, step.script(), None, error)))),
            };
        }
    };
    Ok(size_of(answer))
}

/// The size of a table in the answer to a message that asks for it.
fn size_of(answer: Vec<SimpleQueryMessage>) -> Option<TableSize> {
    let mut answers = Answers::of(answer);
    let mut rows = std::iter::repeat_with(|| answers.next()).take(MOST_ANSWERS);
    let row = rows.find_map(|rows| rows.into_iter().next())?;
    Some(TableSize { rows: parsed(&row, 0)?, is_large: text(&row, 1)? == "t" })
}

/// The number of rows of a table on which a run only begins a backfill, asked in a transaction of the caller's; `None` if a
/// run does all of it at once, or the server can't tell.
#[cfg(feature = "operate")]
pub(crate) async fn large_table(
    client: &Client,
    settings: &RunSettings,
    relation: &str,
) -> Result<Option<u64>, tokio_postgres::Error> {
    let lock_timeout = milliseconds(settings.lock_timeout);
    let size = size_query(relation, settings.backfills.inline_rows, settings.backfills.inline_bytes);
    let message = format!("SAVEPOINT size; SET LOCAL lock_timeout = {lock_timeout}; {size}");
    let size = match simple_query(client, &message).await {
        Ok(answer) => size_of(answer),
        Err(error) if error.as_db_error().is_some() => None,
        Err(error) => return Err(error),
    };
    simple_query(client, "ROLLBACK TO SAVEPOINT size").await?;
    Ok(size.filter(|size| size.is_large).map(|size| size.rows))
}

/// More than the number of statements in the message that asks for a size.
const MOST_ANSWERS: usize = 16;

/// The rows of a table with its partitions, and true if they are too many, or too large, for one statement.
/// The rows of a table with few bytes are counted, up to the limit: a table that was just filled has no
/// statistics yet.
fn size_query(relation: &str, most_rows: u64, most_bytes: u64) -> String {
    format!(
        "WITH RECURSIVE tree AS (SELECT pg_catalog.to_regclass({name})::oid AS oid \
         UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid), \
         size AS (SELECT coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0) AS bytes, \
         coalesce(sum(CASE WHEN c.relpages > 0 AND c.reltuples > 0 \
         THEN c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::float8) \
         ELSE pg_catalog.pg_relation_size(c.oid) / {GUESSED_WIDTH} END), 0)::bigint AS estimate \
         FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid WHERE c.relkind IN ('r', 'p', 'm')), \
         counted AS (SELECT bytes, estimate, CASE WHEN bytes <= {most_bytes} \
         THEN (SELECT count(*) FROM (SELECT FROM {relation} LIMIT {limit}) few) END AS few FROM size) \
         SELECT CASE WHEN few <= {most_rows} THEN few ELSE greatest(estimate, few) END, \
         coalesce(few > {most_rows}, true) FROM counted",
        name = quote_literal(relation),
        limit = most_rows.saturating_add(1).min(i64::MAX as u64),
    )
}

/// The bytes of a row of a table without statistics.
const GUESSED_WIDTH: u32 = 100;
