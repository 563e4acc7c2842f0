//! The probe of the history's end: the only query of a boot with nothing to do.

use crate::error::Error;
use crate::history::format;
use crate::history::head_table::{self, CachedHead};
use crate::history::row::HistoryRow;
use crate::history::session_info::SessionInfo;
use crate::history::settings::RunSettings;
use crate::history::table::{HistoryTable, LAST_ROWS};
use crate::sql::quote::quote_if_needed;
use migrate_core::advice::{Advice, NextStep};
use migrate_core::history::{AppliedRef, HistoryHead};
use migrate_core::{Digest, Set, Version};
use std::collections::HashMap;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// The result of a probe of the history's end.
pub(crate) struct HeadProbe {
    /// The end.
    pub(crate) head: HistoryHead,
    /// True if a table with the history's name exists, ours or not.
    pub(crate) found: bool,
    /// True if it is known to be ours.
    pub(crate) is_ours: bool,
}

impl HeadProbe {
    const NOTHING: HeadProbe = HeadProbe { head: HistoryHead::NONE, found: false, is_ours: false };

    /// The probe of a table that is ours.
    fn of(head: HistoryHead) -> HeadProbe {
        HeadProbe { head, found: true, is_ours: true }
    }
}

/// Probes the history's end: the head table, with one query, and the history itself if the head table does
/// not answer. While a run is in progress, the end is the one `seen` before, if any.
pub(crate) async fn probe(
    client: &Client,
    settings: &RunSettings,
    set: &Set,
    seen: Option<HistoryHead>,
) -> Result<HeadProbe, Error> {
    match (head_table::ask(client, &settings.relation(), set).await, seen) {
        (Ok(CachedHead::NoHistory), _) => Ok(HeadProbe::NOTHING),
        (Ok(CachedHead::Known(head)), _) | (Ok(CachedHead::Underway), Some(head)) => Ok(HeadProbe::of(head)),
        (Ok(CachedHead::Beyond(digest)), _) => {
            let since = all_since(client, settings, set).await?;
            Ok(HeadProbe::of(HistoryHead { digest, since, interrupted: None }))
        }
        (Ok(CachedHead::Underway | CachedHead::Nothing), _) => read_history(client, settings, set).await,
        (Err(error), _) => Err(Error::server("reading the history", error)),
    }
}

/// Reads the history's last rows.
///
/// One unnamed statement with its parameters in one flush: one round trip, and safe behind a transaction
/// pooler. One more if a newer release may have added more than [`LAST_ROWS`] rows.
async fn read_history(client: &Client, settings: &RunSettings, set: &Set) -> Result<HeadProbe, Error> {
    let mut looked = probe_search_path(client, settings, set).await;
    if let Err(Error::DamagedRow { table, .. }) = &mut looked
        && settings.history_schema.is_none()
        && let Ok(row) = client.query_typed_one("SELECT current_schema()::text", &[]).await
    {
        *table = settings.table_in(row.get(0)).shown();
    }
    looked
}

async fn probe_search_path(client: &Client, settings: &RunSettings, set: &Set) -> Result<HeadProbe, Error> {
    let relation = settings.relation();
    let failed = async |error| explain(client, settings, &relation.sql, error).await;
    let name = set.name();
    let rows = match client.query_typed(&HistoryTable::last_rows(&relation), &[(&name, Type::TEXT)]).await {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(HeadProbe::NOTHING),
        Err(error) => return Err(failed(error).await),
    };
    if rows.first().is_some_and(|row| !has_our_types(row)) {
        let missing = missing_columns(client, &relation.sql)
            .await
            .map_err(|source| Error::server("reading the history's table", source))?;
        return Err(no_history(settings.shown_table(), missing));
    }
    if rows.first().is_some_and(|row| !matches!(row.try_get(6), Ok(Some(true)))) {
        // The search path leads to it, but it is not in the first schema of the path.
        SessionInfo::take(client, settings).await?;
        return Ok(HeadProbe { found: true, ..HeadProbe::NOTHING });
    }
    let end = HistoryRows { settings, set, rows: &rows };
    let Some(newest) = end.row(0)? else { return Ok(HeadProbe { found: true, ..HeadProbe::NOTHING }) };
    let digest = newest.digest;
    let interrupted = match end.interrupted()? {
        // A statement in doubt is followed by a row for each run that could not resume it.
        None if end.is_all_failed()? => open_version(client, settings, set).await?,
        interrupted => interrupted,
    };
    if set.digests().position(&digest).is_some() {
        return Ok(HeadProbe::of(HistoryHead { digest, since: None, interrupted }));
    }
    let mut since = end.since()?;
    if since.is_none() && rows.len() == LAST_ROWS {
        since = all_since(client, settings, set).await?;
    }
    Ok(HeadProbe::of(HistoryHead { digest, since, interrupted }))
}

/// The version of the migration that was begun and not finished, regardless of how many failures were
/// recorded since.
async fn open_version(client: &Client, settings: &RunSettings, set: &Set) -> Result<Option<Version>, Error> {
    let relation = settings.relation();
    match client.query_typed(&HistoryTable::open_version(&relation), &[(&set.name(), Type::TEXT)]).await {
        Ok(rows) => Ok(rows.first().map(|row| Version::new(row.get::<_, String>(0), set.order()))),
        Err(error) => Err(explain(client, settings, &relation.sql, error).await),
    }
}

/// All migrations applied since the whole set was, however many.
async fn all_since(
    client: &Client,
    settings: &RunSettings,
    set: &Set,
) -> Result<Option<Vec<AppliedRef>>, Error> {
    let (relation, name, ours) = (settings.relation(), set.name(), set.digests().of_all());
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&name, Type::TEXT), (&ours.as_bytes().as_slice(), Type::BYTEA)];
    match client.query_typed(&HistoryTable::rows_since(&relation), &parameters).await {
        Ok(rows) => HistoryRows { settings, set, rows: &rows }.since(),
        Err(error) => Err(explain(client, settings, &relation.sql, error).await),
    }
}

/// True if the columns have the types of our history.
fn has_our_types(row: &Row) -> bool {
    let types = row.columns().iter().map(tokio_postgres::Column::type_);
    types.eq(&[
        Type::INT8,
        Type::BYTEA,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::BOOL,
        Type::INT4,
    ])
}

/// The last rows of a set, the newest first.
#[derive(Clone, Copy)]
struct HistoryRows<'r> {
    settings: &'r RunSettings,
    set: &'r Set,
    rows: &'r [Row],
}

/// One of these rows.
struct EndRow {
    digest: Digest,
    newer: AppliedRef,
    is_done: bool,
    applies: bool,
    /// It was begun statement by statement, and not finished.
    is_interrupted: bool,
}

impl HistoryRows<'_> {
    /// Returns a row, counted from the newest.
    fn row(&self, index: usize) -> Result<Option<EndRow>, Error> {
        let Some(row) = self.rows.get(index) else { return Ok(None) };
        let table = self.settings.shown_table();
        let row = HistoryRow::new(&table, self.set, row, 0)?;
        let digest: &[u8] = row.get(1)?;
        let digest = <[u8; 32]>::try_from(digest)
            .map(Digest::from_bytes)
            .map_err(|_| row.damaged(format!("its digest has {} bytes, not 32", digest.len())))?;
        let version = Version::new(row.get::<String>(2)?, self.set.order());
        let (action, outcome): (&str, &str) = (row.get(4)?, row.get(5)?);
        let settles = action == "rewind";
        Ok(Some(EndRow {
            digest,
            newer: AppliedRef { version, name: row.get(3)? },
            is_done: outcome == "done" && !settles,
            // If the set has the migration of an accepted text, it does not know that text.
            applies: matches!(action, "apply" | "mark" | "accept"),
            is_interrupted: (outcome != "done" || settles) && row.get::<Option<i32>>(7)?.is_some(),
        }))
    }

    /// The migration that was begun and not finished: nothing is done after it, so it is the one of the last
    /// row that records more than a failure.
    fn interrupted(&self) -> Result<Option<Version>, Error> {
        for index in 0..self.rows.len() {
            match self.row(index)? {
                Some(row) if row.is_interrupted => return Ok(Some(row.newer.version)),
                Some(row) if !row.is_done => {}
                _ => break,
            }
        }
        Ok(None)
    }

    /// True if there may be more rows than these, and all of these record failures.
    fn is_all_failed(&self) -> Result<bool, Error> {
        for index in 0..self.rows.len() {
            if self.row(index)?.is_none_or(|row| row.is_done || row.is_interrupted) {
                return Ok(false);
            }
        }
        Ok(self.rows.len() == LAST_ROWS)
    }

    /// The migrations applied since the whole set was, oldest first; none if that row is not among these, or
    /// if a migration was reverted since.
    fn since(&self) -> Result<Option<Vec<AppliedRef>>, Error> {
        let ours = self.set.digests().of_all();
        let mut newer = Vec::new();
        for index in 0..self.rows.len() {
            let Some(row) = self.row(index)? else { return Ok(None) };
            if row.digest == ours {
                newer.reverse();
                return Ok(Some(newer));
            }
            if row.is_done && !row.applies {
                return Ok(None);
            }
            if row.is_done {
                newer.push(row.newer);
            }
        }
        Ok(None)
    }
}

/// Explains a failed probe.
async fn explain(
    client: &Client,
    settings: &RunSettings,
    relation: &str,
    error: tokio_postgres::Error,
) -> Error {
    match error.code() {
        Some(&SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_FUNCTION | &SqlState::DATATYPE_MISMATCH) => {
            match missing_columns(client, relation).await {
                Ok(missing) if !missing.is_empty() => no_history(settings.shown_table(), missing),
                // All columns exist, except the one that every table has.
                Ok(_) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
                    Error::NotATable { table: settings.shown_table() }
                }
                Ok(_) => Error::server("reading the history", error),
                Err(source) => Error::server("reading the history's table", source),
            }
        }
        _ => read_error(client, settings, "reading the history", error).await,
    }
}

/// The error of a failed read of the history.
pub(crate) async fn read_error(
    client: &Client,
    settings: &RunSettings,
    doing: &'static str,
    error: tokio_postgres::Error,
) -> Error {
    if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) {
        return Error::InTransaction;
    }
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return Error::server(doing, error);
    }
    let role = current_user(client).await;
    let to = quote_if_needed(&role);
    let schema = settings.history_schema.as_deref().map(quote_if_needed);
    let prefix = schema.as_ref().map_or_else(String::new, |schema| format!("{schema}."));
    let usage = schema.map_or_else(String::new, |schema| format!("GRANT USAGE ON SCHEMA {schema} TO {to}; "));
    let tables = head_table::beside(&settings.history_table, settings.keeps().is_none());
    let tables: Vec<String> =
        tables.iter().map(|table| format!("{prefix}{}", quote_if_needed(table))).collect();
    let advice = Advice::of(NextStep::sql(format!("{usage}GRANT SELECT ON {} TO {to}", tables.join(", "))));
    let message = error.as_db_error().map_or_else(String::new, |db| db.message().to_owned());
    Error::Privilege { role, what: "read the history", message, advice }
}

/// The columns that a table lacks to be a history of ours, including those of another type.
async fn missing_columns(client: &Client, relation: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = "SELECT attname::text, atttypid FROM pg_catalog.pg_attribute \
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let rows = client.query_typed(sql, &[(&relation, Type::TEXT)]).await?;
    Ok(lacking_columns(format::FIRST, &rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
}

/// The error for a table that lacks columns: it belongs to something else, or is a history that was edited by
/// hand.
pub(crate) fn no_history(table: String, missing: Vec<String>) -> Error {
    if missing.len() * 2 < format::columns(format::FIRST).count() {
        Error::DamagedTable { table, missing }
    } else {
        Error::NotOurTable { table, missing }
    }
}

/// The columns of a format that a table with the given columns and types lacks.
pub(crate) fn lacking_columns(format: i32, has: &HashMap<&str, u32>) -> Vec<String> {
    let lacks = |(name, kind): (&str, &str)| match has.get(name) {
        None => Some(name.to_owned()),
        Some(found) if *found != format::oid(kind) => Some(format!("{name} of type {kind}")),
        Some(_) => None,
    };
    format::columns(format).filter_map(lacks).collect()
}

/// The columns with these names that a table with the given columns lacks.
pub(crate) fn lacking_names(names: &[&str], has: &HashMap<&str, u32>) -> Vec<String> {
    names.iter().filter(|name| !has.contains_key(*name)).map(|name| (*name).to_owned()).collect()
}

/// The role's name, for messages; a question mark if the query fails.
pub(crate) async fn current_user(client: &Client) -> String {
    let row = client.query_typed_one("SELECT current_user::text", &[]).await;
    row.map_or_else(|_| "?".to_owned(), |row| row.get(0))
}
