//! Which other tools' histories are there.

#[cfg(feature = "histories")]
use super::{Adopting, ToolTable, keep, read};
#[cfg(any(feature = "catalog", feature = "histories"))]
use crate::connection::protect;
#[cfg(feature = "histories")]
use crate::connection::protect::SessionTimeouts;
#[cfg(any(feature = "catalog", feature = "histories"))]
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

/// A table that has the name of a tool's history, or may be a history of ours.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) schema: String,
    pub(super) table: String,
    columns: Vec<String>,
    /// Whether the search path leads to it.
    in_path: bool,
    /// Whether `ar_internal_metadata`, which only Rails makes, is beside it.
    beside_rails: bool,
    /// Whether its schema is one of the search path.
    pub(super) on_path: bool,
    /// Whether the role may read it.
    pub(super) is_readable: bool,
}

/// A tool's history that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocatedTable {
    pub(super) tool: Tool,
    /// Empty where it is not known.
    pub(super) schema: String,
    pub(super) table: String,
    in_path: bool,
}

impl LocatedTable {
    /// A table of a schema.
    #[cfg(feature = "histories")]
    pub(super) fn in_schema(tool: Tool, schema: &str, table: &str) -> LocatedTable {
        LocatedTable { tool, schema: schema.to_owned(), table: table.to_owned(), in_path: false }
    }

    /// A table of which no more is known than its name for messages.
    #[cfg(feature = "histories")]
    pub(super) fn named(tool: Tool, shown: String) -> LocatedTable {
        LocatedTable { tool, schema: String::new(), table: shown, in_path: true }
    }

    /// How the tool writes, where it can be kept.
    #[cfg(feature = "histories")]
    pub(super) fn keeps(&self) -> Option<&'static dyn ForeignWriter> {
        keep::of(self.tool)
    }

    /// The table with its schema, for messages.
    pub(super) fn shown(&self) -> String {
        if self.schema.is_empty() { self.table.clone() } else { format!("{}.{}", self.schema, self.table) }
    }
}

/// Asks for tables of some names with their columns, wherever they are, and for those whose number a query gives.
///
/// `pg_table_is_visible` tells which one a name without a schema means.
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

/// The history that is to be adopted, if it is there.
///
/// # Errors
///
/// When there are several and none was named, or when the table of a name is not the tool's.
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

/// All other tools' histories that are there.
#[cfg(feature = "histories")]
pub(crate) async fn found(client: &Client) -> Result<Vec<ForeignHistory>, Error> {
    let timeouts = SessionTimeouts::of(client).await;
    let timeouts = timeouts.map_err(|source| Error::server("looking at the session", source))?;
    let mut histories = Vec::new();
    for there in all(client).await? {
        histories.push(read::history(client, timeouts, &there).await?);
    }
    Ok(histories)
}

/// The tables, with their schemas, in which other tools keep their histories and what belongs to these.
#[cfg(feature = "catalog")]
pub(crate) async fn tables(client: &Client) -> Result<Vec<(String, String)>, Error> {
    let there = all(client).await?;
    let beside = there.iter().filter(|there| there.tool == Tool::Rails);
    let beside = beside.map(|there| (there.schema.clone(), "ar_internal_metadata".to_owned()));
    Ok(there.iter().map(|there| (there.schema.clone(), there.table.clone())).chain(beside).collect())
}

/// The one that the search path leads to, or the only one at all.
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

/// The table that was named.
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
    let there = LocatedTable { tool: wanted.tool, schema, table, in_path };
    if missing.is_empty() {
        return Ok(Some(there));
    }
    let problem = format!("it has no column {}", missing.join(", "));
    Err(Error::ForeignTable { table: there.shown(), tool: there.tool, problem })
}

#[cfg(any(feature = "catalog", feature = "histories"))]
async fn candidates(client: &Client, names: &[&str]) -> Result<Vec<Candidate>, Error> {
    let rows = protect::ask(client, &question(names, None, "true"))
        .await
        .map_err(|source| Error::server("looking for other tools' histories", source))?;
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

    /// Whether it has all of these columns.
    pub(super) fn has_all<'c>(&self, mut columns: impl Iterator<Item = &'c str>) -> bool {
        columns.all(|column| has(self, column))
    }
}

/// Whose history a table is, by its name and its columns.
pub(super) fn recognize(candidate: Candidate) -> Option<LocatedTable> {
    let is_of = |tool: &Tool| {
        let others = match tool {
            Tool::Rails => candidate.beside_rails,
            Tool::Dbmate => !candidate.beside_rails && !has(&candidate, "dirty"),
            // The name is a common one, and tern's table has nothing else.
            Tool::Tern => candidate.columns == ["version"],
            _ => true,
        };
        // Flyway before its version 5 called its table so.
        let is_older = *tool == Tool::Flyway && candidate.table == "schema_version";
        (tool.table() == candidate.table || is_older)
            && others
            && candidate.has_all(columns(*tool).iter().copied())
    };
    let tool = Tool::ALL.into_iter().find(is_of)?;
    let Candidate { schema, table, in_path, .. } = candidate;
    Some(LocatedTable { tool, schema, table, in_path })
}

fn has(candidate: &Candidate, column: &str) -> bool {
    candidate.columns.iter().any(|name| name == column)
}

/// The columns that are read.
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
