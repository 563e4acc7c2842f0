//! Writing a step's row in another tool's table.

use super::{HistoryTable, RunIdentity};
use crate::history::checkpoint_table::{self, CheckpointTable};
use crate::history::foreign_writer::{Checkpoint, Checkpoints, Entry, ForeignWriter, try_lock};
use crate::sql::quote::quote_ident;
use migrate_core::plan::{Action, Step, Superseded};
use sha2::{Digest as _, Sha256};

impl HistoryTable {
    /// True if it can store the checkpoint of a step that runs statement by statement.
    pub(crate) fn has_checkpoints(&self, step: &Step<'_>) -> bool {
        self.keeps.is_none_or(|keeps| self.checkpoints(keeps, step).is_some())
    }

    /// Calls a function with another tool's writer and a step's row, if the table is another tool's.
    pub(super) fn for_foreign<R>(
        &self,
        run: RunIdentity<'_>,
        step: &Step<'_>,
        write: impl FnOnce(&'static dyn ForeignWriter, Entry<'_>) -> R,
    ) -> Option<R> {
        let keeps = self.keeps?;
        let (table, checkpoints, id) = (self.qualified(), self.checkpoint_table(), uuid(run.run, step));
        Some(write(keeps, Entry { table: &table, checkpoints: &checkpoints, keeps, step, id: &id }))
    }

    /// The checkpoint table beside it, with its schema, as SQL.
    pub(crate) fn checkpoint_table(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&checkpoint_table::name(&self.name)))
    }

    /// The storage for a step's checkpoints: the other tool's table, if it can represent them, or the table
    /// beside it. No tool can represent a revert in progress.
    pub(super) fn checkpoints(
        &self,
        keeps: &'static dyn ForeignWriter,
        step: &Step<'_>,
    ) -> Option<&'static dyn Checkpoints> {
        let reverts = step.action == Action::Revert || step.settles.is_some_and(|settled| settled.reverting);
        let beside: &'static dyn Checkpoints = &CheckpointTable;
        keeps.checkpoints().filter(|_| !reverts).or(self.may_have_checkpoints.then_some(beside))
    }

    /// Moves the checkpoint of a step in another tool's table; does nothing if the table can't represent one.
    pub(super) fn move_foreign(
        &self,
        run: RunIdentity<'_>,
        step: &Step<'_>,
        from: Checkpoint,
        to: Checkpoint,
    ) -> Option<String> {
        self.for_foreign(run, step, |keeps, entry| {
            let checkpoints = self.checkpoints(keeps, step);
            checkpoints.map_or_else(|| "SELECT 1".to_owned(), |c| c.move_to(entry, Some(from), to))
        })
    }
}

/// Takes the other tool's own lock for this transaction, if it has one.
pub(super) fn take_lock(keeps: &dyn ForeignWriter) -> Vec<String> {
    keeps.lock_key().map(|key| try_lock(&key)).into_iter().collect()
}

/// Begins a step's row in another tool's table.
pub(super) fn begin_foreign(
    keeps: &'static dyn ForeignWriter,
    checkpoints: Option<&'static dyn Checkpoints>,
    entry: Entry<'_>,
) -> Vec<String> {
    let step = entry.step;
    let write = match (step.action, step.settles, checkpoints) {
        (Action::Rewind, Some(settled), Some(checkpoints)) => {
            vec![checkpoints.move_to(entry, None, Checkpoint { done: settled.statements_done, failed: true })]
        }
        (Action::Apply | Action::Mark, Some(_), Some(checkpoints)) => checkpoints.complete(entry),
        (Action::Unmark, Some(_), Some(checkpoints)) if checkpoints.table(entry) != entry.table => {
            checkpoints.complete(entry)
        }
        (Action::Revert | Action::Unmark | Action::Rewind, ..) => vec![keeps.delete(entry)],
        _ => vec![keeps.insert(entry)],
    };
    [take_lock(keeps), keeps.guard(entry), supersede_foreign(keeps, entry), write].concat()
}

/// Deletes the rows that a step replaces from another tool's table.
pub(super) fn supersede_foreign(keeps: &dyn ForeignWriter, entry: Entry<'_>) -> Vec<String> {
    let delete = |old: &Superseded| {
        let step = Step::unmark(old.version.clone(), old.version.canonical().into_owned(), old.checksum);
        keeps.delete(Entry { step: &step, ..entry })
    };
    entry.step.supersedes.iter().map(delete).collect()
}

/// Ends a step's row in another tool's table.
pub(super) fn finish_foreign(keeps: &'static dyn ForeignWriter, entry: Entry<'_>) -> String {
    match (entry.step.action, entry.step.settles) {
        (Action::Apply | Action::Mark, None) => keeps.finish(entry),
        _ => "SELECT extract(epoch FROM pg_catalog.clock_timestamp() - now())::float8".to_owned(),
    }
}

/// Ends a step that ran statement by statement in another tool's table.
pub(super) fn complete_foreign(
    keeps: &'static dyn ForeignWriter,
    checkpoints: Option<&'static dyn Checkpoints>,
    entry: Entry<'_>,
) -> String {
    match (entry.step.action, checkpoints) {
        (_, Some(checkpoints)) => checkpoints.complete(entry).join("; "),
        (Action::Revert, None) => keeps.delete(entry),
        (_, None) => keeps.insert(entry),
    }
}

/// A random UUID of version 4, which is the same for each call with the same step of a run.
fn uuid(run: &str, step: &Step<'_>) -> String {
    let hash = Sha256::digest(format!("{run} {} {}", step.action, step.version));
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
