//! The search for other tools' histories in the database.

#[cfg(feature = "histories")]
use super::{Adopting, ToolTable, keep, read};
#[cfg(any(feature = "catalog", feature = "histories"))]
use crate::connection::protect;
#[cfg(feature = "histories")]
use crate::connection::protect::SessionTimeouts;
use crate::error::Error;
#[cfg(feature = "histories")]
use crate::history::ForeignWriter;
use crate::sql::answers::{is_true, text};
use crate::sql::quote::quote_literal;
#[cfg(feature = "histories")]
use migrate_core::history::foreign::ForeignHistory;
use migrate_core::history::foreign::Tool;
#[cfg(any(feature = "catalog", feature = "histories"))]
use tokio_postgres::Client;
use tokio_postgres::SimpleQueryRow;

/// A table with the name of a tool's history, or one that may be a history of ours.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) schema: String,
    pub(super) table: String,
    columns: Vec<String>,
    /// True if its name resolves to it through the search path.
    in_path: bool,
    /// True if `ar_internal_metadata`, which only Rails creates, is in the same schema.
    beside_rails: bool,
    /// True if its schema is on the search path.
    pub(super) on_path: bool,
    /// True if the role may read it.
    pub(super) is_readable: bool,
}

/// A tool's history in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocatedTable {
    pub(super) tool: Tool,
    /// Its schema; empty if unknown.
    pub(super) schema: String,
    pub(super) table: String,
    in_path: bool,
    /// True if it is kept as the history.
    is_kept: bool,
}

impl LocatedTable {
    /// A table of a schema that is kept as the history.
    #[cfg(feature = "histories")]
    pub(super) fn in_schema(tool: Tool, schema: &str, table: &str) -> LocatedTable {
        LocatedTable {
            tool,
            schema: schema.to_owned(),
            table: table.to_owned(),
            in_path: false,
            is_kept: true,
        }
    }

    /// A table that is kept as the history, known only by its name for messages.
    #[cfg(feature = "histories")]
    pub(super) fn named(tool: Tool, shown: String) -> LocatedTable {
        LocatedTable { tool, schema: String::new(), table: shown, in_path: true, is_kept: true }
    }

    /// The tool's writer, if its table can be kept.
    #[cfg(feature = "histories")]
    pub(super) fn keeps(&self) -> Option<&'static dyn ForeignWriter> {
        keep::of(self.tool)
    }

    /// The error of a table that can't be read as the tool's history.
    pub(super) fn unreadable(&self, problem: String) -> Error {
        Error::ForeignTable { table: self.shown(), tool: self.tool, problem, is_kept: self.is_kept }
    }

    /// The table with its schema, for messages.
    pub(super) fn shown(&self) -> String {
        if self.schema.is_empty() { self.table.clone() } else { format!("{}.{}", self.schema, self.table) }
    }
}

/// The query for tables with the given names in any schema, and for those whose OID a query returns, with
/// their columns.
///
/// `pg_table_is_visible` tells which table a name without a schema refers to.
pub(super) fn question(names: &[&str], or_oid_in: Option<&str>, condition: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| quote_literal(name)).collect();
    let or_oid_in = or_oid_in.map_or_else(String::new, |query| format!(" UNION {query}"));
    format!(
        "SELECT n.nspname, c.relname, \
           (SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
           pg_catalog.pg_table_is_visible(c.oid), \
           EXISTS (SELECT FROM pg_catalog.pg_class r WHERE r.relnamespace = n.oid AND r.relname = 'ar_internal_metadata'), \
           n.nspname = ANY (current_schemas(false)), \
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid IN (SELECT oid FROM pg_catalog.pg_class WHERE relname IN ({}){or_oid_in}) \
           AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND {condition} \
         ORDER BY 4 DESC, 1, 2",
        names.join(", ")
    )
}

/// The names of all tools' tables.
pub(super) fn names() -> Vec<&'static str> {
    Tool::ALL.into_iter().map(Tool::table).collect()
}

/// Finds the history to adopt, if it exists.
///
/// # Errors
///
/// If there are several and none was named, or if the named table is not the tool's.
#[cfg(feature = "histories")]
pub(crate) async fn find(
    client: &Client,
    timeouts: SessionTimeouts,
    adopting: &Adopting,
) -> Result<Option<ForeignHistory>, Error> {
    let there = match adopting {
        Adopting::Any => one(all(client).await?)?,
        Adopting::From(table) => named(client, table).await?,
    };
    match there {
        Some(there) => read::history(client, timeouts, &there).await.map(Some),
        None => Ok(None),
    }
}

/// Finds all other tools' histories in the database.
#[cfg(feature = "histories")]
pub(crate) async fn found(client: &Client) -> Result<Vec<ForeignHistory>, Error> {
    let timeouts = SessionTimeouts::of(client).await;
    let timeouts = timeouts.map_err(|source| Error::server("reading the session's settings", source))?;
    let mut histories = Vec::new();
    for there in all(client).await? {
        histories.push(read::history(client, timeouts, &there).await?);
    }
    Ok(histories)
}

/// The tables, with their schemas, in which other tools keep their histories and related data.
#[cfg(feature = "catalog")]
pub(crate) async fn tables(client: &Client) -> Result<Vec<(String, String)>, Error> {
    let there = all(client).await?;
    let beside = there.iter().filter(|there| there.tool == Tool::Rails);
    let beside = beside.map(|there| (there.schema.clone(), "ar_internal_metadata".to_owned()));
    Ok(there.iter().map(|there| (there.schema.clone(), there.table.clone())).chain(beside).collect())
}

/// The history on the search path, or the only one.
#[cfg(feature = "histories")]
fn one(mut all: Vec<LocatedTable>) -> Result<Option<LocatedTable>, Error> {
    if all.iter().any(|there| there.in_path) {
        all.retain(|there| there.in_path);
    }
    match all.len() {
        0 | 1 => Ok(all.pop()),
        _ => {
            let found = all.iter().map(|there| (there.tool, there.shown())).collect();
            Err(Error::SeveralHistories { found })
        }
    }
}

#[cfg(any(feature = "catalog", feature = "histories"))]
async fn all(client: &Client) -> Result<Vec<LocatedTable>, Error> {
    Ok(candidates(client, &names()).await?.into_iter().filter_map(recognize).collect())
}

/// The named table.
#[cfg(feature = "histories")]
async fn named(client: &Client, wanted: &ToolTable) -> Result<Option<LocatedTable>, Error> {
    let candidates = candidates(client, &[&wanted.table]).await?;
    let is_wanted = |candidate: &Candidate| match &wanted.schema {
        Some(schema) => candidate.schema == *schema,
        None => candidate.in_path,
    };
    let Some(candidate) = candidates.into_iter().find(is_wanted) else { return Ok(None) };
    let missing: Vec<&str> =
        columns(wanted.tool).iter().filter(|column| !has(&candidate, column)).copied().collect();
    let Candidate { schema, table, in_path, .. } = candidate;
    let there = LocatedTable { tool: wanted.tool, schema, table, in_path, is_kept: false };
    if missing.is_empty() {
        return Ok(Some(there));
    }
    let problem = format!("it has no column {}", missing.join(", "));
    Err(there.unreadable(problem))
}

#[cfg(any(feature = "catalog", feature = "histories"))]
async fn candidates(client: &Client, names: &[&str]) -> Result<Vec<Candidate>, Error> {
    let rows = protect::ask(client, &question(names, None, "true"))
        .await
        .map_err(|source| Error::server("searching for other tools' histories", source))?;
    Ok(rows.iter().map(Candidate::read).collect())
}

impl Candidate {
    /// Reads a row of the answer to [`question`].
    pub(super) fn read(row: &SimpleQueryRow) -> Candidate {
        let owned = |column| text(row, column).unwrap_or_default().to_owned();
        Candidate {
            schema: owned(0),
            table: owned(1),
            columns: owned(2).split(',').map(str::to_owned).collect(),
            in_path: is_true(row, 3),
            beside_rails: is_true(row, 4),
            on_path: is_true(row, 5),
            is_readable: is_true(row, 6),
        }
    }

    /// True if it has all of these columns.
    pub(super) fn has_all<'c>(&self, mut columns: impl Iterator<Item = &'c str>) -> bool {
        columns.all(|column| has(self, column))
    }
}

/// Recognizes the tool of a table by the table's name and columns.
pub(super) fn recognize(candidate: Candidate) -> Option<LocatedTable> {
    let is_of = |tool: &Tool| {
        let others = match tool {
            Tool::Rails => candidate.beside_rails,
            Tool::Dbmate => !candidate.beside_rails && !has(&candidate, "dirty"),
            // The name is common, and tern's table has no other column.
            Tool::Tern => candidate.columns == ["version"],
            _ => true,
        };
        // The table's name in Flyway before version 5.
        let is_older = *tool == Tool::Flyway && candidate.table == "schema_version";
        (tool.table() == candidate.table || is_older)
            && others
            && candidate.has_all(columns(*tool).iter().copied())
    };
    let tool = Tool::ALL.into_iter().find(is_of)?;
    let Candidate { schema, table, in_path, .. } = candidate;
    Some(LocatedTable { tool, schema, table, in_path, is_kept: false })
}

fn has(candidate: &Candidate, column: &str) -> bool {
    candidate.columns.iter().any(|name| name == column)
}

/// The columns to read.
fn columns(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::Prisma => &[
            "checksum",
            "finished_at",
            "migration_name",
            "logs",
            "rolled_back_at",
            "started_at",
            "applied_steps_count",
        ],
        Tool::Sqlx => &["version", "description", "installed_on", "success", "checksum", "execution_time"],
        Tool::Refinery => &["version", "name", "applied_on", "checksum"],
        Tool::Diesel => &["version", "run_on"],
        Tool::GolangMigrate => &["version", "dirty"],
        Tool::Goose => &["id", "version_id", "is_applied", "tstamp"],
        Tool::Flyway => &[
            "installed_rank",
            "version",
            "description",
            "type",
            "checksum",
            "installed_on",
            "execution_time",
            "success",
        ],
        _ => &["version"],
    }
}
