//! Reading another tool's history.

use super::find::LocatedTable;
use crate::connection::protect::SessionTimeouts;
use crate::error::Error;
#[cfg(feature = "histories")]
use crate::history::settings::RunSettings;
#[cfg(feature = "histories")]
use crate::history::{ForeignWriter, checkpoint_table, read_error, try_lock};
use crate::sql::quote::{quote_ident, quote_literal};
use migrate_core::history::foreign::{
    ForeignHistory, ForeignMigration, ForeignMigrationState, Tool, flyway, goose, prisma, refinery, sqlx,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;
use tokio_postgres::{Client, Row};

/// Reads a history with one unnamed statement.
pub(super) async fn history(
    client: &Client,
    timeouts: SessionTimeouts,
    there: &LocatedTable,
) -> Result<ForeignHistory, Error> {
    let table = format!("{}.{}", quote_ident(&there.schema), quote_ident(&there.table));
    let mark = mark(&table);
    let rows = timeouts
        .ask(client, &query(there.tool, &table, &mark), &[])
        .await
        .map_err(|error| failed(there, error))?;
    let history = of_rows(there, &rows)?;
    let Some(seen) = rows.first().and_then(|row| row.try_get::<_, String>(row.len() - 1).ok()) else {
        return Ok(history);
    };
    #[cfg(feature = "histories")]
    let lock = there.keeps().and_then(ForeignWriter::lock_key).map(|key| try_lock(&key));
    #[cfg(not(feature = "histories"))]
    let lock = None;
    let unchanged = format!("SELECT 1 / ({mark} = {})::int", quote_literal(&seen));
    Ok(history.witnessed(lock.into_iter().chain([unchanged]).collect()))
}

/// A value that changes with any change of a table's rows: which rows exist, at which place, and by which
/// transaction.
fn mark(table: &str) -> String {
    format!(
        "(SELECT pg_catalog.md5(pg_catalog.string_agg(r.ctid || ' ' || r.xmin, ',' ORDER BY r.ctid)) FROM {table} r)"
    )
}

/// Reads the history in the place that the settings name, and checks for a checkpoint table beside it. None
/// if the table does not exist, or is in a schema of the search path other than the first.
#[cfg(feature = "histories")]
pub(super) async fn by_path(
    client: &Client,
    settings: &RunSettings,
    there: &LocatedTable,
) -> Result<Option<(ForeignHistory, bool)>, Error> {
    let relation = settings.relation();
    let last =
        format!("{}, {}", checkpoint_table::exists(&settings.checkpoint_relation()), relation.is_ours());
    let rows = match client.query_typed(&query(there.tool, &relation.sql, &last), &[]).await {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(None),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => return Err(failed(there, error)),
        Err(error) => return Err(read_error(client, settings, "reading the history", error).await),
    };
    let is_ours = |row: &Row| row.try_get::<_, Option<bool>>(row.len() - 1).ok().flatten() == Some(true);
    if rows.first().is_some_and(|row| !is_ours(row)) {
        return Ok(None);
    }
    let has_checkpoints = rows.first().is_some_and(|row| row.get(row.len() - 2));
    Ok(Some((of_rows(there, &rows)?, has_checkpoints)))
}

fn of_rows(there: &LocatedTable, rows: &[Row]) -> Result<ForeignHistory, Error> {
    Ok(ForeignHistory::new(there.tool, there.shown(), found(ForeignRows { there, rows })?))
}

fn failed(there: &LocatedTable, error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(db) if *db.code() == SqlState::UNDEFINED_COLUMN => there.unreadable(db.message().to_owned()),
        _ => Error::server("reading another tool's history", error),
    }
}

/// The query for the columns in the order of the fields of the tool's row, with the rows in the order in
/// which they were written. Times without a time zone are read in the session's, as the tools write them by
/// the same default. The column `last` follows the tool's columns.
fn query(tool: Tool, table: &str, last: &str) -> String {
    let (columns, order) = match tool {
        Tool::Prisma => (
            "checksum::text, finished_at, migration_name::text, logs, rolled_back_at, started_at, applied_steps_count",
            "started_at, migration_name",
        ),
        Tool::Sqlx => {
            ("version, description, installed_on, success, checksum, execution_time", "installed_on, version")
        }
        Tool::Refinery => (
            "version::int8, name::text, CASE WHEN applied_on ~ '^\\d{4}-\\d\\d-\\d\\dT' THEN applied_on::timestamptz END, \
             checksum::text",
            "version",
        ),
        Tool::Diesel => ("version::text, run_on::timestamptz", "run_on, version"),
        Tool::GolangMigrate => ("version::int8, dirty", "version"),
        Tool::Tern => ("version::int8", "version"),
        Tool::Goose => ("version_id::int8, is_applied, tstamp::timestamptz", "id"),
        Tool::Flyway => (
            "version::text, description::text, type::text, checksum, installed_on::timestamptz, execution_time, success",
            "installed_rank",
        ),
        _ => ("version::text", "version"),
    };
    format!("SELECT {columns}, {last} FROM {table} ORDER BY {order}")
}

/// The rows of a history.
#[derive(Clone, Copy)]
struct ForeignRows<'r> {
    there: &'r LocatedTable,
    rows: &'r [Row],
}

fn found(rows: ForeignRows<'_>) -> Result<Vec<ForeignMigration>, Error> {
    match rows.there.tool {
        Tool::Prisma => Ok(prisma::found(rows.read(|row| {
            Ok(prisma::PrismaRow {
                checksum: row.get(0)?,
                finished_at: row.get(1)?,
                migration_name: row.get(2)?,
                logs: row.get(3)?,
                rolled_back_at: row.get(4)?,
                started_at: row.get(5)?,
                applied_steps_count: row.get(6)?,
            })
        })?)),
        Tool::Sqlx => rows.read(|row| {
            Ok(sqlx::found(sqlx::SqlxRow {
                version: row.get(0)?,
                description: row.get(1)?,
                installed_on: row.get(2)?,
                success: row.get(3)?,
                checksum: row.get(4)?,
                execution_time: row.get(5)?,
            }))
        }),
        Tool::Refinery => rows.read(|row| {
            Ok(refinery::found(refinery::RefineryRow {
                version: row.get(0)?,
                name: row.get(1)?,
                applied_on: row.get(2)?,
                checksum: row.get::<Option<&str>>(3)?.and_then(|checksum| checksum.parse().ok()),
            }))
        }),
        Tool::Diesel => rows.read(|row| Ok(ForeignMigration::applied(row.get::<String>(0)?).at(row.get(1)?))),
        Tool::GolangMigrate => rows.read(|row| {
            let state = if row.get(1)? {
                ForeignMigrationState::Failed { logs: None }
            } else {
                ForeignMigrationState::AppliedUpTo
            };
            Ok(ForeignMigration::applied(row.get::<i64>(0)?.to_string()).in_state(state))
        }),
        // The first row has the value 0.
        Tool::Tern => Ok(rows
            .read(|row| row.get::<i64>(0))?
            .into_iter()
            .filter(|version| *version > 0)
            .map(|version| {
                ForeignMigration::applied(version.to_string()).in_state(ForeignMigrationState::AppliedUpTo)
            })
            .collect()),
        Tool::Goose => Ok(goose::found(rows.read(|row| {
            Ok(goose::GooseRow { version_id: row.get(0)?, is_applied: row.get(1)?, tstamp: row.get(2)? })
        })?)),
        Tool::Flyway => Ok(flyway::found(rows.read(|row| {
            Ok(flyway::FlywayRow {
                version: row.get(0)?,
                description: row.get(1)?,
                kind: row.get(2)?,
                checksum: row.get(3)?,
                installed_on: row.get(4)?,
                execution_time: row.get(5)?,
                success: row.get(6)?,
            })
        })?)),
        _ => rows.read(|row| Ok(ForeignMigration::applied(row.get::<String>(0)?))),
    }
}

impl<'r> ForeignRows<'r> {
    fn read<R>(self, read: impl Fn(ForeignRow<'r>) -> Result<R, Error>) -> Result<Vec<R>, Error> {
        self.rows.iter().map(|row| read(ForeignRow { there: self.there, row })).collect()
    }
}

/// A row of another tool's history. It is not trusted: the row or the table may have been edited.
#[derive(Clone, Copy)]
struct ForeignRow<'r> {
    there: &'r LocatedTable,
    row: &'r Row,
}

impl<'r> ForeignRow<'r> {
    fn get<V: FromSql<'r>>(self, column: usize) -> Result<V, Error> {
        self.row.try_get(column).map_err(|error| {
            let name = self.row.columns().get(column).map_or("?", |column| column.name());
            let cause = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
            let problem = format!("the {name} of a row can't be read: {cause}");
            self.there.unreadable(problem)
        })
    }
}
