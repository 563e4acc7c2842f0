//! Another tool's table as the history: the SQL text that differs from ours.
#![cfg_attr(not(feature = "histories"), allow(dead_code, reason = "nothing implements the traits then"))]

use migrate_core::plan::Step;
use std::fmt::Debug;

/// A step's row in another tool's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'e> {
    /// The table with its schema, as SQL.
    pub(crate) table: &'e str,
    /// The step.
    pub(crate) step: &'e Step<'e>,
    /// The table of checkpoints beside it, as SQL.
    pub(crate) checkpoints: &'e str,
    /// The tool's writer.
    pub(crate) keeps: &'static dyn ForeignWriter,
    /// A random UUID that stays the same for the step's row, as text.
    pub(crate) id: &'e str,
}

/// The progress of a step that runs statement by statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The number of statements known to be done.
    pub(crate) done: usize,
    /// True if the server answered the next one with an error.
    pub(crate) failed: bool,
}

/// The writer of another tool's history. Every text is one statement, and writes what the tool itself would
/// write.
pub(crate) trait ForeignWriter: Debug + Send + Sync {
    /// The columns that the table must have.
    fn columns(&self) -> &'static [&'static str];

    /// Creates the table if it does not exist: the tool may be creating it at the same time.
    fn create(&self, table: &str) -> String;

    /// The key of the advisory lock that the tool holds while it works, as SQL.
    fn lock_key(&self) -> Option<String> {
        None
    }

    /// Statements that make a second application of a migration an error, if no key of the table does.
    fn guard(&self, entry: Entry<'_>) -> Vec<String> {
        let _ = entry;
        Vec::new()
    }

    /// Records a migration as applied, or marked as applied, in the transaction that this statement begins.
    fn insert(&self, entry: Entry<'_>) -> String;

    /// Completes the row of [`ForeignWriter::insert`], and returns its duration in seconds. The statement
    /// ends in a list of values, to which one more may be appended.
    fn finish(&self, entry: Entry<'_>) -> String;

    /// Records a migration as no longer applied.
    fn delete(&self, entry: Entry<'_>) -> String;

    /// The storage for checkpoints in the table, if it can represent a migration that is applied statement by
    /// statement.
    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        None
    }
}

/// The storage for the progress of a migration that is applied statement by statement: the tool's own table,
/// if the tool treats such a row as a failed migration and applies nothing until it is done, or a table
/// beside it.
pub(crate) trait Checkpoints: Debug + Send + Sync {
    /// The table that contains the row.
    fn table<'e>(&self, entry: Entry<'e>) -> &'e str {
        entry.table
    }

    /// Creates the row, at its first checkpoint.
    fn claim(&self, entry: Entry<'_>) -> String;

    /// The condition that selects the row.
    fn row(&self, entry: Entry<'_>) -> String;

    /// Moves the checkpoint. If it is not at `from`, a NOT NULL column is set to null: this is an error,
    /// while an UPDATE of no row would not be one.
    fn move_to(&self, entry: Entry<'_>, from: Option<Checkpoint>, to: Checkpoint) -> String;

    /// Turns the row into that of an applied migration, or ends it with a revert. Returns its duration in
    /// seconds.
    fn complete(&self, entry: Entry<'_>) -> Vec<String>;
}

/// Takes another tool's own lock for this transaction, so that the tool can't work at the same time. Divides
/// by zero if the tool holds it.
///
/// It is not held between transactions: `CREATE INDEX CONCURRENTLY` would wait for any session that waits for
/// it on the server.
pub(crate) fn try_lock(key: &str) -> String {
    format!("SELECT 1 / pg_catalog.pg_try_advisory_xact_lock({key})::int")
}
