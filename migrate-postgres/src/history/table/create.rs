//! Creating the history's table and upgrading it to the format of this release.

use super::HistoryTable;
use super::foreign::take_lock;
use crate::history::format::{self, TableFormat};
use crate::history::head_table::HeadTable;
use crate::sql::quote::quote_ident;
use crate::sql::transaction::BEGIN;

/// The comment on the history's table.
const COMMENT: &str = "What was migrated, by migrate-postgres: one row for each attempt.";

impl HistoryTable {
    /// Creates the table, its schema if it does not exist, and the head table. To be run under the lock,
    /// after a query for the table: `IF NOT EXISTS` is subject to a race.
    pub(crate) fn create(&self, with_schema: bool, head: Option<&HeadTable>) -> Vec<String> {
        let table = self.qualified();
        if let Some(keeps) = self.keeps {
            let schema = with_schema.then(|| format!("CREATE SCHEMA {}", quote_ident(&self.schema)));
            let statements = schema.into_iter().chain([keeps.create(&table), "COMMIT".to_owned()]);
            return std::iter::once(BEGIN.to_owned()).chain(take_lock(keeps)).chain(statements).collect();
        }
        let schema = with_schema.then(|| format!("CREATE SCHEMA {}", quote_ident(&self.schema)));
        let statements = [
            format!("CREATE TABLE {table} ({}, PRIMARY KEY (set_name, seq))", format::definitions()),
            format!("CREATE UNIQUE INDEX ON {table} (set_name, version) WHERE live"),
            format::comment(&table, COMMENT),
        ];
        std::iter::once(BEGIN.to_owned())
            .chain(schema)
            .chain(statements)
            .chain(head.map(HeadTable::create_anew).unwrap_or_default())
            .chain(std::iter::once("COMMIT".to_owned()))
            .collect()
    }

    /// Upgrades the table to the format of this release, and creates the head table if it does not exist.
    pub(in crate::history) fn upgrade(&self, found: &TableFormat, head: Option<&HeadTable>) -> Vec<String> {
        let table = self.qualified();
        let statements = [found.upgrade(&table), format::comment(&table, COMMENT)];
        std::iter::once(BEGIN.to_owned())
            .chain(statements)
            .chain(head.map(HeadTable::create).into_iter().flatten())
            .chain(std::iter::once("COMMIT".to_owned()))
            .collect()
    }
}
