//! The history's table before its schema is known, and the queries of a boot.

use super::{HistoryTable, OPEN};
use crate::history::head_table;
use crate::sql::quote::{quote_ident, quote_literal};

/// The number of rows that a probe of the history's end reads: a release that is behind by fewer migrations
/// than this still boots with one query.
pub(crate) const LAST_ROWS: usize = 5;

/// The history's table as it is looked up before its schema is known.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// The table's name with its schema, or as found on the search path.
    pub(crate) sql: String,
    /// The head table, in the same way.
    pub(crate) head: String,
    name: String,
    pub(crate) by_search_path: bool,
}

impl Relation {
    /// The table in a schema, or as found on the search path.
    pub(crate) fn new(schema: Option<&str>, name: &str) -> Relation {
        let prefix = schema.map_or_else(String::new, |schema| format!("{}.", quote_ident(schema)));
        let [sql, head] =
            [name, &head_table::name(name)].map(|table| format!("{prefix}{}", quote_ident(table)));
        Relation { sql, head, name: name.to_owned(), by_search_path: schema.is_none() }
    }

    /// True if the table is in the first schema of the search path: one further down the path is not a
    /// history of ours.
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
    /// The last rows, the newest first, and whether the schema they were found in is the first of the search
    /// path. Parameter: set.
    ///
    /// This is the only query of a boot with nothing to do, so it is the cheapest that the server can plan:
    /// one index of one table.
    pub(crate) fn last_rows(relation: &Relation) -> String {
        format!(
            "SELECT seq, digest, version, name, action, outcome, {}, checkpoint FROM {} WHERE set_name = $1 ORDER BY seq DESC \
             LIMIT {LAST_ROWS}",
            relation.is_ours(),
            relation.sql
        )
    }

    /// The version of the row of a migration that runs statement by statement and was begun and not ended.
    /// Parameter: set.
    pub(crate) fn open_version(relation: &Relation) -> String {
        format!("SELECT version FROM {} WHERE set_name = $1 AND {OPEN}", relation.sql)
    }

    /// The last row and all before it down to the last one with a given digest, the newest first. Parameters:
    /// set, digest.
    pub(crate) fn rows_since(relation: &Relation) -> String {
        format!(
            "SELECT seq, digest, version, name, action, outcome, {}, checkpoint FROM {table} WHERE set_name = $1 AND seq >= \
             (SELECT seq FROM {table} WHERE set_name = $1 AND digest = $2 ORDER BY seq DESC LIMIT 1) ORDER BY seq DESC",
            relation.is_ours(),
            table = relation.sql
        )
    }
}
