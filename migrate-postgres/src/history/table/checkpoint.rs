//! The row of a step that is committed in parts: claimed, moved from checkpoint to checkpoint, and completed.

use super::foreign::{complete_foreign, supersede_foreign, take_lock};
use super::insert::{RowValues, one_row};
use super::{CLOSE, HistoryTable, NOW, RunIdentity};
use crate::history::HistoryCursor;
use crate::history::foreign_writer::Checkpoint;
use crate::sql::quote::quote_literal;
use migrate_core::Digest;
use migrate_core::plan::{Action, Settled, Step};
use std::ops::Range;

impl HistoryTable {
    /// Begins the row of a step that runs statement by statement: the row claims the version, at its first
    /// checkpoint.
    pub(crate) fn claim(&self, run: RunIdentity<'_>, standing: HistoryCursor, step: &Step<'_>) -> String {
        let foreign = self.for_foreign(run, step, |keeps, entry| {
            let claim = self.checkpoints(keeps, step).map(|checkpoints| checkpoints.claim(entry));
            let before = [take_lock(keeps), keeps.guard(entry), supersede_foreign(keeps, entry)].concat();
            before.into_iter().chain(claim).collect::<Vec<_>>().join("; ")
        });
        if let Some(claim) = foreign {
            return claim;
        }
        let live = step.action != Action::Revert;
        let row = RowValues { live, checkpoint: Some(0), ..RowValues::BEGUN };
        let insert = one_row(&self.insert(run, standing.last_row + 1, step, standing.digest, row));
        let before = self.interrupted(run.set, standing).into_iter().chain(self.supersede(run.set, step));
        // Before the first statement is run, which a transaction may be unable to undo: the row can be
        // changed, too.
        let seq = standing.last_row + 1;
        let change = format!(
            "UPDATE {} SET checkpoint = 0 WHERE set_name = {} AND seq = {seq}",
            self.qualified(),
            quote_literal(run.set)
        );
        before.chain([insert, one_row(&change)]).collect::<Vec<_>>().join(";\n")
    }

    /// Begins the row of a corrected script that resumes where another text of it failed, and ends that
    /// attempt.
    pub(crate) fn claim_corrected(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
        settled: Settled,
    ) -> String {
        let row = RowValues { live: true, checkpoint: Some(settled.statements_done), ..RowValues::BEGUN };
        let insert = one_row(&self.insert(run, standing.last_row + 1, step, standing.digest, row));
        let before = self.interrupted(run.set, standing).into_iter().chain([self.settle(run.set, settled)]);
        before.chain([insert]).collect::<Vec<_>>().join(";\n")
    }

    /// Resumes an interrupted attempt in a row of its own: from now on the run that began it can't move its
    /// checkpoint.
    ///
    /// Like all that moves a checkpoint, it violates the table's check if the row is not in the expected
    /// state: see [`HistoryTable::is_moved`].
    pub(crate) fn go_on(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
        from: Resumed,
    ) -> String {
        let Resumed { row, done, failed, to } = from;
        let moved =
            self.move_foreign(run, step, Checkpoint { done, failed }, Checkpoint { done: to, failed: false });
        if let Some(moved) = moved {
            return moved;
        }
        // A checkpoint that was moved by hand is in a row that is done.
        let (outcomes, outcome) = match failed {
            true => ("'failed', 'done'", "outcome"),
            false => ("'unfinished', 'interrupted'", "'interrupted'"),
        };
        let close = format!(
            "UPDATE {} SET {CLOSE} WHEN checkpoint = {done} AND outcome IN ({outcomes}) THEN {outcome} \
             ELSE 'moved' END WHERE set_name = {} AND seq = {row}",
            self.qualified(),
            quote_literal(run.set),
        );
        let live = step.action != Action::Revert;
        let begun = RowValues { live, checkpoint: Some(to), continues: Some(row), ..RowValues::BEGUN };
        let insert = one_row(&self.insert(run, standing.last_row + 1, step, standing.digest, begun));
        self.interrupted(run.set, standing).into_iter().chain([close, insert]).collect::<Vec<_>>().join(";\n")
    }

    /// Moves the checkpoint of a step that runs statement by statement and that this run has begun or taken
    /// over.
    pub(crate) fn checkpoint(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        step: &Step<'_>,
        moved: Range<usize>,
    ) -> String {
        let Range { start, end: done } = moved;
        let [from, to] = [start, done].map(|done| Checkpoint { done, failed: false });
        if let Some(moved) = self.move_foreign(run, step, from, to) {
            return moved;
        }
        let ours =
            format!("checkpoint = {start} AND outcome <> 'done' AND run_id = {}", quote_literal(run.run));
        one_row(&self.guarded(run, seq, &format!("checkpoint = {done}, "), &ours, "unfinished"))
    }

    /// Changes a row of an attempt that runs statement by statement. If it does not meet `condition`, the
    /// outcome becomes one that the table's check refuses: this is an error, while an UPDATE of no row would
    /// not be one.
    fn guarded(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        changes: &str,
        condition: &str,
        outcome: &str,
    ) -> String {
        format!(
            "UPDATE {} SET {changes}outcome = CASE WHEN {condition} THEN '{outcome}' ELSE 'moved' END \
             WHERE set_name = {} AND seq = {seq}",
            self.qualified(),
            quote_literal(run.set),
        )
    }

    /// Marks a step that runs statement by statement as done; returns its duration in seconds.
    pub(crate) fn complete(&self, run: RunIdentity<'_>, seq: i64, step: &Step<'_>, digest: Digest) -> String {
        if let Some(complete) = self.for_foreign(run, step, |keeps, entry| {
            complete_foreign(keeps, self.checkpoints(keeps, step), entry)
        }) {
            return complete;
        }
        let changes = format!("finished_at = {NOW}, digest = '\\x{digest}', ");
        let ours =
            format!("checkpoint = statements AND outcome <> 'done' AND run_id = {}", quote_literal(run.run));
        let complete = self.guarded(run, seq, &changes, &ours, "done")
            + " RETURNING extract(epoch FROM finished_at - started_at)::float8";
        if step.action == Action::Revert {
            format!("{};\n{complete}", self.retire(run.set, step))
        } else {
            complete
        }
    }
}

/// The place at which an interrupted attempt is resumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumed {
    /// The number of its row.
    pub(crate) row: i64,
    /// The number of completed statements.
    pub(crate) done: usize,
    /// True if the next one is known to have failed.
    pub(crate) failed: bool,
    /// The number of statements that turned out to be completed, and are not run again.
    pub(crate) to: usize,
}
