//! The look at the history's end: the one query of a boot with nothing to do.

use crate::error::Error;
use crate::history::row::HistoryRow;
use crate::history::table::HistoryTable;
use crate::quote::{quote_ident, quote_if_needed};
use crate::settings::RunSettings;
use migrate_core::history::{Head, Newer};
use migrate_core::{Digest, Set, Version};
use std::collections::HashMap;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// Looks at the history's end, and says which table it found.
///
/// One unnamed statement with its parameters in one flush: one round trip, and nothing that a transaction pooler would
/// mix up.
pub(crate) async fn look(
    client: &Client,
    settings: &RunSettings,
    table: Option<&HistoryTable>,
    set: &Set,
) -> Result<(Head, Option<HistoryTable>), Error> {
    // Without a schema the search path finds the table, in the same query; a schema further down the path than the
    // first is somebody else's, and no history of ours.
    let relation = table.map_or_else(|| quote_ident(&settings.history_table), HistoryTable::qualified);
    let ours = set.digests().of_all();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&set.name(), Type::TEXT), (&ours.as_bytes().as_slice(), Type::BYTEA)];
    let row = match client.query_typed_one(&HistoryTable::head(&relation), &parameters).await {
        Ok(row) => row,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok((Head::NONE, None)),
        Err(error) => return Err(explain(client, settings, &relation, error).await),
    };
    let (current, found): (Option<&str>, Option<&str>) = (row.get(1), row.get(2));
    match found {
        Some(schema) if table.is_some() || found == current => {
            let table = settings.table_in(schema);
            Ok((head(&row, &table, set)?, Some(table)))
        }
        _ => Ok((Head::NONE, None)),
    }
}

fn head(row: &Row, table: &HistoryTable, set: &Set) -> Result<Head, Error> {
    let row = HistoryRow::new(table, set, row, 6)?;
    let Some(digest) = row.get::<Option<&[u8]>>(0)? else { return Ok(Head::NONE) };
    let digest = <[u8; 32]>::try_from(digest)
        .map(Digest::from_bytes)
        .map_err(|_| row.damaged(format!("its digest has {} bytes, not 32", digest.len())))?;
    let (versions, names): (Option<Vec<String>>, Option<Vec<String>>) = (row.get(3)?, row.get(4)?);
    let applied_only: Option<bool> = row.get(5)?;
    let since = versions.zip(names).filter(|_| applied_only == Some(true)).map(|(versions, names)| {
        let newer = |(version, name)| Newer { version: Version::new(version, set.order()), name };
        versions.into_iter().zip(names).map(newer).collect()
    });
    Ok(Head { digest, since })
}

/// What a failed look means.
async fn explain(
    client: &Client,
    settings: &RunSettings,
    relation: &str,
    error: tokio_postgres::Error,
) -> Error {
    match error.code() {
        Some(&SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_FUNCTION | &SqlState::DATATYPE_MISMATCH) => {
            match missing_columns(client, relation).await {
                Ok(missing) if !missing.is_empty() => {
                    let table =
                        settings.table().map_or(settings.history_table.to_string(), |table| table.shown());
                    Error::NotOurTable { table, missing }
                }
                Ok(_) => Error::server("looking at the history", error),
                Err(source) => Error::server("looking at the history's table", source),
            }
        }
        _ => read_error(client, settings, "looking at the history", error).await,
    }
}

/// What a failed read of the history means.
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
    let (table, to) = (quote_if_needed(&settings.history_table), quote_if_needed(&role));
    let next = match settings.history_schema.as_deref().map(quote_if_needed) {
        Some(schema) => {
            format!("GRANT USAGE ON SCHEMA {schema} TO {to}; GRANT SELECT ON {schema}.{table} TO {to};")
        }
        None => format!("GRANT SELECT ON {table} TO {to};"),
    };
    let message = error.as_db_error().map_or_else(String::new, |db| db.message().to_owned());
    Error::Privilege { role, what: "read the history", message, next }
}

/// The columns that a table lacks to be a history of ours, those of another type included.
pub(crate) async fn missing_columns(
    client: &Client,
    relation: &str,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_catalog.pg_attribute \
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let rows = client.query_typed(sql, &[(&relation, Type::TEXT)]).await?;
    let has: HashMap<&str, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let lacks = |(name, kind): (&str, &str)| match has.get(name) {
        None => Some(name.to_owned()),
        Some(found) if *found != kind => Some(format!("{name} of type {kind}")),
        Some(_) => None,
    };
    Ok(HistoryTable::columns().filter_map(lacks).collect())
}

/// The role's name, for messages; a question mark where even that can't be asked.
pub(crate) async fn current_user(client: &Client) -> String {
    let row = client.query_typed_one("SELECT current_user::text", &[]).await;
    row.map_or_else(|_| "?".to_owned(), |row| row.get(0))
}
