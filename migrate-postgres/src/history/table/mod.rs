//! Our history's table, as SQL text: how it is looked up, created, loaded and written.

mod checkpoint;
mod create;
mod failure;
mod foreign;
mod insert;
mod read;
mod relation;
mod transaction;

pub(crate) use checkpoint::Resumed;
pub(crate) use failure::Ended;
pub(crate) use relation::{LAST_ROWS, Relation};

use crate::history::checkpoint_table;
use crate::history::foreign_writer::ForeignWriter;
use crate::history::format::FORMAT;
use crate::history::head_table::HeadTable;
use crate::history::is_made_meanwhile;
use crate::sql::quote::{quote_ident, quote_literal};
use tokio_postgres::error::SqlState;

/// The table that a set's history is kept in. Its name is always written with its schema.
#[derive(Clone, Debug)]
pub(crate) struct HistoryTable {
    schema: String,
    name: String,
    /// The writer of another tool's format, if the table is another tool's.
    keeps: Option<&'static dyn ForeignWriter>,
    /// True if a table of checkpoints may be created beside another tool's table.
    may_have_checkpoints: bool,
    /// The format in which it is read; it is written in that of this release.
    format: i32,
}

/// The values that all rows of one run share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunIdentity<'a> {
    /// The set.
    pub(crate) set: &'a str,
    /// The identity of the run.
    pub(crate) run: &'a str,
    /// The program that runs it.
    pub(crate) program: &'a str,
}

/// The condition of a row of a migration that runs statement by statement and was begun and not ended, or
/// whose checkpoint was set by hand. There is at most one.
pub(super) const OPEN: &str = "(checkpoint IS NOT NULL AND (outcome <> 'done' OR action = 'rewind'))";

/// The condition of a row of an attempt whose end was never recorded, because its transaction was lost with
/// its run.
pub(super) const UNENDED: &str = "(outcome = 'unfinished' AND checkpoint IS NULL)";

impl HistoryTable {
    pub(crate) fn new(schema: &str, name: &str) -> HistoryTable {
        HistoryTable {
            schema: schema.to_owned(),
            name: name.to_owned(),
            keeps: None,
            may_have_checkpoints: false,
            format: FORMAT,
        }
    }

    /// The same table, as another tool's.
    pub(crate) fn kept(self, keeps: Option<&'static dyn ForeignWriter>) -> HistoryTable {
        HistoryTable { keeps, ..self }
    }

    /// Sets whether this session may create a table beside it.
    pub(crate) fn beside_which(self, may_make: bool) -> HistoryTable {
        HistoryTable { may_have_checkpoints: may_make, ..self }
    }

    /// The same table, in a format.
    pub(crate) fn in_format(self, format: i32) -> HistoryTable {
        HistoryTable { format, ..self }
    }

    /// The writer of another tool's format, if the table is another tool's.
    pub(crate) fn keeps(&self) -> Option<&'static dyn ForeignWriter> {
        self.keeps
    }

    /// True if an error during the creation of the table means that its tool is at work.
    pub(crate) fn is_being_made(&self, error: &tokio_postgres::Error) -> bool {
        self.keeps.is_some()
            && (is_made_meanwhile(error) || error.code() == Some(&SqlState::DIVISION_BY_ZERO))
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The table's name with its schema, as SQL.
    pub(crate) fn qualified(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&self.name))
    }

    /// The table's name with its schema, for messages.
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The head table beside it.
    pub(crate) fn head(&self) -> HeadTable {
        HeadTable::new(&self.schema, &self.name)
    }

    /// True if an error of a statement that writes a row means that a trigger removed the row, or that a rule
    /// would: the server refuses that statement on a table with rules.
    pub(crate) fn is_not_kept(&self, error: &tokio_postgres::Error) -> bool {
        let not_kept = [SqlState::INVALID_ARGUMENT_FOR_LOG, SqlState::FEATURE_NOT_SUPPORTED];
        self.keeps.is_none() && error.code().is_some_and(|code| not_kept.contains(code))
    }

    /// True if an error means that a row of the history has changed since this run wrote it: another run has
    /// taken over.
    pub(crate) fn is_moved(&self, error: &tokio_postgres::Error) -> bool {
        let violated =
            if self.keeps.is_some() { SqlState::NOT_NULL_VIOLATION } else { SqlState::CHECK_VIOLATION };
        let is_ours = |table: &str| {
            table == self.name || self.keeps.is_some() && table == checkpoint_table::name(&self.name)
        };
        error.as_db_error().is_some_and(|db| {
            *db.code() == violated && db.schema() == Some(&self.schema) && db.table().is_some_and(is_ours)
        })
    }

    /// Records the number of messages that the server sent for each row of a run.
    pub(crate) fn count(&self, run: RunIdentity<'_>, said: &[Said]) -> String {
        let rows: Vec<String> = said
            .iter()
            .map(|Said { row, notices, warnings }| format!("({row}::bigint, {notices}, {warnings})"))
            .collect();
        format!(
            "UPDATE {} h SET (notices, warnings) = ROW(said.notices, said.warnings) \
             FROM (VALUES {}) said (seq, notices, warnings) \
             WHERE h.set_name = {} AND h.seq = said.seq AND h.run_id = {}",
            self.qualified(),
            rows.join(", "),
            quote_literal(run.set),
            quote_literal(run.run),
        )
    }
}

/// Stops an attempt from counting for its version, and keeps its progress; the outcome follows this text.
const CLOSE: &str = "live = false, reached = checkpoint, checkpoint = NULL, \
                     outcome = CASE";

/// The server's current time.
const NOW: &str = "pg_catalog.clock_timestamp()";

/// The number of messages that the server sent during the attempt of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) row: i64,
    pub(crate) notices: u32,
    pub(crate) warnings: u32,
}
