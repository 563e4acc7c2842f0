//! Which other tools' histories are there.

use super::{Adopting, ToolTable, keep, read};
use crate::error::Error;
use crate::history::Keeps;
use migrate_core::foreign::{ForeignHistory, Tool};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// A table that has the name of a tool's history.
struct Candidate {
    schema: String,
    table: String,
    columns: Vec<String>,
    /// Whether the search path leads to it.
    in_path: bool,
    /// Whether `ar_internal_metadata`, which only Rails makes, is beside it.
    beside_rails: bool,
}

/// A tool's history that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct There {
    pub(super) tool: Tool,
    /// Empty where it is not known.
    pub(super) schema: String,
    pub(super) table: String,
    in_path: bool,
}

impl There {
    /// A table of a schema.
    pub(super) fn in_schema(tool: Tool, schema: &str, table: &str) -> There {
        There { tool, schema: schema.to_owned(), table: table.to_owned(), in_path: false }
    }

    /// A table of which no more is known than its name for messages.
    pub(super) fn named(tool: Tool, shown: String) -> There {
        There { tool, schema: String::new(), table: shown, in_path: true }
    }

    /// How the tool writes, where it can be kept.
    pub(super) fn keeps(&self) -> Option<&'static dyn Keeps> {
        keep::of(self.tool)
    }

    /// The table with its schema, for messages.
    pub(super) fn shown(&self) -> String {
        if self.schema.is_empty() { self.table.clone() } else { format!("{}.{}", self.schema, self.table) }
    }
}

/// Tables of some names with their columns, wherever they are. Parameter: the names.
///
/// `pg_table_is_visible` tells which one a name without a schema means.
const CANDIDATES: &str = "\
    SELECT n.nspname::text, c.relname::text, \
      (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a \
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
      pg_catalog.pg_table_is_visible(c.oid), \
      EXISTS (SELECT FROM pg_catalog.pg_class r WHERE r.relnamespace = n.oid AND r.relname = 'ar_internal_metadata') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = ANY($1) AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' \
    ORDER BY 4 DESC, 1, 2";

/// The history that is to be adopted, if it is there.
///
/// # Errors
///
/// When there are several and none was named, or when the table of a name is not the tool's.
pub(crate) async fn find(client: &Client, adopting: &Adopting) -> Result<Option<ForeignHistory>, Error> {
    let there = match adopting {
        Adopting::Any => one(all(client).await?)?,
        Adopting::From(table) => named(client, table).await?,
    };
    match there {
        Some(there) => read::history(client, &there).await.map(Some),
        None => Ok(None),
    }
}

/// All other tools' histories that are there.
pub(crate) async fn found(client: &Client) -> Result<Vec<ForeignHistory>, Error> {
    let mut histories = Vec::new();
    for there in all(client).await? {
        histories.push(read::history(client, &there).await?);
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
fn one(mut all: Vec<There>) -> Result<Option<There>, Error> {
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

async fn all(client: &Client) -> Result<Vec<There>, Error> {
    let names: Vec<&str> = Tool::ALL.into_iter().map(Tool::table).collect();
    Ok(candidates(client, &names).await?.into_iter().filter_map(recognize).collect())
}

/// The table that was named.
async fn named(client: &Client, wanted: &ToolTable) -> Result<Option<There>, Error> {
    let candidates = candidates(client, &[&wanted.table]).await?;
    let is_wanted = |candidate: &Candidate| match &wanted.schema {
        Some(schema) => candidate.schema == *schema,
        None => candidate.in_path,
    };
    let Some(candidate) = candidates.into_iter().find(is_wanted) else { return Ok(None) };
    let missing: Vec<&str> =
        columns(wanted.tool).iter().filter(|column| !has(&candidate, column)).copied().collect();
    let Candidate { schema, table, in_path, .. } = candidate;
    let there = There { tool: wanted.tool, schema, table, in_path };
    if missing.is_empty() {
        return Ok(Some(there));
    }
    let problem = format!("it has no column {}", missing.join(", "));
    Err(Error::ForeignTable { table: there.shown(), tool: there.tool, problem })
}

async fn candidates(client: &Client, names: &[&str]) -> Result<Vec<Candidate>, Error> {
    let rows = client
        .query_typed(CANDIDATES, &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(|source| Error::server("looking for other tools' histories", source))?;
    let candidate = |row: &Row| Candidate {
        schema: row.get(0),
        table: row.get(1),
        columns: row.get::<_, Option<_>>(2).unwrap_or_default(),
        in_path: row.get(3),
        beside_rails: row.get(4),
    };
    Ok(rows.iter().map(candidate).collect())
}

/// Whose history a table is, by its name and its columns.
fn recognize(candidate: Candidate) -> Option<There> {
    let is_of = |tool: &Tool| {
        let others = match tool {
            Tool::Rails => candidate.beside_rails,
            Tool::Dbmate => !candidate.beside_rails && !has(&candidate, "dirty"),
            _ => true,
        };
        tool.table() == candidate.table
            && others
            && columns(*tool).iter().all(|column| has(&candidate, column))
    };
    let tool = Tool::ALL.into_iter().find(is_of)?;
    let Candidate { schema, table, in_path, .. } = candidate;
    Some(There { tool, schema, table, in_path })
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
