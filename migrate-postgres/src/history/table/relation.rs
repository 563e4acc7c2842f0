//! The history's table before its schema is known, and the queries of a boot.

use super::{HistoryTable, OPEN};
use crate::history::head_table;
use crate::sql::quote::{quote_ident, quote_literal};

/// How many rows a look at the history's end reads: a release that is so much older, less one, still boots with one
/// query.
pub(crate) const LAST_ROWS: usize = 5;

/// The history's table as it is looked up before its schema is known.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// With its schema, or by the search path.
    pub(crate) sql: String,
    /// The head table, in the same way.
    pub(crate) head: String,
    name: String,
    pub(crate) by_search_path: bool,
}

impl Relation {
    /// The table in a schema, or where the search path finds it.
    pub(crate) fn new(schema: Option<&str>, name: &str) -> Relation {
        let prefix = schema.map_or_else(String::new, |schema| format!("{}.", quote_ident(schema)));
        let [sql, head] =
            [name, &head_table::name(name)].map(|table| format!("{prefix}{}", quote_ident(table)));
        Relation { sql, head, name: name.to_owned(), by_search_path: schema.is_none() }
    }

    /// Whether the table is in the schema that the search path begins with: one further down the path is somebody else's,
    /// and no history of ours.
    pub(crate) fn is_ours(&self) -> String {
        if !self.by_search_path {
            return "true".to_owned();
        }
        format!(
            "tableoid = pg_catalog.to_regclass(pg_catalog.quote_ident(current_schema()) || {})",
            quote_literal(&format!(".{}", quote_ident(&self.name)))
        )
    }
}

impl HistoryTable {
    /// The last rows, the newest first, with whether the schema they were found in is the one that the search path begins
    /// with. Parameter: set.
    ///
    /// This is all that a boot with nothing to do asks, so it is as little as the server can plan: one index of one table.
    pub(crate) fn last_rows(relation: &Relation) -> String {
        format!(
            "SELECT seq, digest, version, name, action, outcome, {}, checkpoint FROM {} WHERE set_name = $1 ORDER BY seq DESC \
             LIMIT {LAST_ROWS}",
            relation.is_ours(),
            relation.sql
        )
    }

    /// The version of the row of a migration that runs statement by statement and was begun and not ended. Parameter: set.
    pub(crate) fn open_version(relation: &Relation) -> String {
        format!("SELECT version FROM {} WHERE set_name = $1 AND {OPEN}", relation.sql)
    }

    /// The last row and all before it down to the last one that has a given digest, the newest first. Parameters: set,
    /// digest.
    pub(crate) fn rows_since(relation: &Relation) -> String {
        format!(
            "SELECT seq, digest, version, name, action, outcome, {}, checkpoint FROM {table} WHERE set_name = $1 AND seq >= \
             (SELECT seq FROM {table} WHERE set_name = $1 AND digest = $2 ORDER BY seq DESC LIMIT 1) ORDER BY seq DESC",
            relation.is_ours(),
            table = relation.sql
        )
    }
}
