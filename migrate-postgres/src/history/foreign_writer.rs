//! Another tool's table as the history: what of it differs from ours, as SQL text.
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
    /// How the tool writes its table.
    pub(crate) keeps: &'static dyn ForeignWriter,
    /// A random UUID that stays the same for the step's row, as text.
    pub(crate) id: &'e str,
}

/// How far a step that runs statement by statement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// How many statements are done for certain.
    pub(crate) done: usize,
    /// Whether the server answered the next one with an error.
    pub(crate) failed: bool,
}

/// How another tool writes its history. Every text is one statement, and what is written is what the tool itself would
/// write.
pub(crate) trait ForeignWriter: Debug + Send + Sync {
    /// The columns that the table must have.
    fn columns(&self) -> &'static [&'static str];

    /// Makes the table where there is none: the tool may be at it as well.
    fn create(&self, table: &str) -> String;

    /// The key of the advisory lock that the tool holds while it works, as SQL.
    fn lock_key(&self) -> Option<String> {
        None
    }

    /// What makes a second application of a migration an error, where no key of the table does.
    fn guard(&self, entry: Entry<'_>) -> Vec<String> {
        let _ = entry;
        Vec::new()
    }

    /// Records a migration as applied, or marked as applied, in the transaction that this begins.
    fn insert(&self, entry: Entry<'_>) -> String;

    /// Ends what [`ForeignWriter::insert`] began, and returns how many seconds it took. It ends in a list of values, to which one more may be added.
    fn finish(&self, entry: Entry<'_>) -> String;

    /// Records a migration as not applied any more.
    fn delete(&self, entry: Entry<'_>) -> String;

    /// Where the table has a place for a migration that is applied statement by statement.
    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        None
    }
}

/// How a migration is remembered that is applied statement by statement: in the tool's own table, where the tool takes it for
/// one that has failed and applies nothing until it is done, or in a table beside it.
pub(crate) trait Checkpoints: Debug + Send + Sync {
    /// The table that the row is in.
    fn table<'e>(&self, entry: Entry<'e>) -> &'e str {
        entry.table
    }

    /// Begins the row, at its first checkpoint.
    fn claim(&self, entry: Entry<'_>) -> String;

    /// Which row that is, as a condition on the table.
    fn row(&self, entry: Entry<'_>) -> String;

    /// Moves the checkpoint. Where it is not at `from` a column that must not be null becomes null: an error, where an UPDATE
    /// of no row would not be one.
    fn move_to(&self, entry: Entry<'_>, from: Option<Checkpoint>, to: Checkpoint) -> String;

    /// Makes the row that of a migration that is applied, or ends it with a revert, and returns how many seconds it took.
    fn complete(&self, entry: Entry<'_>) -> Vec<String>;
}

/// Takes another tool's own lock for this transaction, so that it can't work at the same time; a division by zero where it
/// does.
///
/// It is not held in between: whoever waits for it on the server would be waited for by `CREATE INDEX CONCURRENTLY`.
pub(crate) fn try_lock(key: &str) -> String {
    format!("SELECT 1 / pg_catalog.pg_try_advisory_xact_lock({key})::int")
}
