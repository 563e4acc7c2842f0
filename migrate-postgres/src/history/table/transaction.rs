//! The row of a step that runs in one transaction: begun, confirmed and finished in that transaction.

use super::foreign::{begin_foreign, finish_foreign};
use super::insert::{RowValues, one_row};
use super::{CLOSE, HistoryTable, RunIdentity};
use crate::history::HistoryCursor;
use crate::sql::quote::quote_literal;
use migrate_core::plan::{Action, Settled, Step};
use migrate_core::{Digest, Version};

impl HistoryTable {
    /// Begins a step's row, as one that is done when its transaction commits. `digest` is that of all that is
    /// applied after the step.
    ///
    /// It is the first statement of the step's transaction: if another run exists in spite of all locks, one
    /// of the two waits here for the end of the other's transaction and then fails, before it has changed
    /// anything.
    pub(crate) fn begin(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        step: &Step<'_>,
        digest: Digest,
    ) -> Vec<String> {
        if let Some(foreign) = self
            .for_foreign(run, step, |keeps, entry| begin_foreign(keeps, self.checkpoints(keeps, step), entry))
        {
            return foreign;
        }
        let mut statements = Vec::new();
        // A corrected script that runs in a transaction ends the attempt of the incorrect one.
        if let Some(settled) = step.settles {
            statements.push(self.settle(run.set, settled));
        }
        let reverts = matches!(step.action, Action::Revert | Action::Unmark);
        if reverts && step.changes {
            statements.push(self.retire(run.set, step));
        }
        let row = match (step.action, step.settles) {
            (Action::Rewind, Some(settled)) => RowValues {
                outcome: "done",
                live: !settled.reverting,
                checkpoint: Some(settled.statements_done),
                ..RowValues::BEGUN
            },
            _ => RowValues { outcome: "done", live: !reverts && step.changes, ..RowValues::BEGUN },
        };
        statements.extend(self.supersede(run.set, step));
        statements.push(if self.has_marker(step) {
            self.confirm(run, seq, digest, row.live)
        } else {
            one_row(&self.insert(run, seq, step, digest, row))
        });
        statements
    }

    /// True if a step's row is written before its transaction begins.
    pub(crate) fn has_marker(&self, step: &Step<'_>) -> bool {
        self.keeps.is_none() && step.runs()
    }

    /// Begins a step's row before its transaction, so that the row remains if that transaction is lost with
    /// its run. It is a transaction of its own, whose commit does not wait for the disk. `before` is the
    /// digest of all that is applied. If the end of the last row's attempt is not recorded, that is recorded
    /// first.
    pub(crate) fn marker(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
    ) -> Vec<String> {
        let row = RowValues::BEGUN;
        let insert = self.insert(run, standing.last_row + 1, step, standing.digest, row);
        self.interrupted(run.set, standing).into_iter().chain([insert]).collect()
    }

    /// Makes a step's row one that is done when its transaction commits. If another run exists in spite of
    /// all locks, it waits for the end of this transaction before it treats the row as one that never ended.
    fn confirm(&self, run: RunIdentity<'_>, seq: i64, digest: Digest, live: bool) -> String {
        one_row(&format!(
            "UPDATE {} SET outcome = CASE WHEN outcome = 'unfinished' AND run_id = {} THEN 'done' ELSE 'moved' END, \
             live = {live}, digest = '\\x{digest}' WHERE set_name = {} AND seq = {seq}",
            self.qualified(),
            quote_literal(run.run),
            quote_literal(run.set),
        ))
    }

    /// Closes an interrupted attempt.
    pub(super) fn settle(&self, set: &str, settled: Settled) -> String {
        format!(
            "UPDATE {} SET {CLOSE} WHEN outcome = 'unfinished' THEN 'interrupted' ELSE outcome END \
             WHERE set_name = {} AND seq = {}",
            self.qualified(),
            quote_literal(set),
            settled.row,
        )
    }

    /// Makes the row by which a version counts as applied count no more.
    pub(super) fn retire(&self, set: &str, step: &Step<'_>) -> String {
        self.retire_all(set, [&step.version])
    }

    /// The same for all versions that a step replaces.
    pub(super) fn supersede(&self, set: &str, step: &Step<'_>) -> Option<String> {
        let versions = step.supersedes.iter().map(|old| &old.version);
        (!step.supersedes.is_empty()).then(|| self.retire_all(set, versions))
    }

    fn retire_all<'v>(&self, set: &str, versions: impl IntoIterator<Item = &'v Version>) -> String {
        let versions: Vec<String> = versions.into_iter().map(|v| quote_literal(&v.canonical())).collect();
        format!(
            "UPDATE {} SET live = false WHERE set_name = {} AND version IN ({}) AND live",
            self.qualified(),
            quote_literal(set),
            versions.join(", "),
        )
    }

    /// Ends a step's row, and returns its duration in seconds. The commit that follows waits for the disk
    /// only if it is to be `durable`.
    pub(crate) fn finish(&self, run: RunIdentity<'_>, seq: i64, step: &Step<'_>, durable: bool) -> String {
        let commit = if durable { "" } else { ", pg_catalog.set_config('synchronous_commit', 'off', true)" };
        if let Some(finish) = self.for_foreign(run, step, finish_foreign) {
            return format!("{finish}{commit}");
        }
        if step.adopted.is_some() {
            // The rows already record when their migrations ended.
            return format!("SELECT 0::float8{commit}");
        }
        format!(
            "UPDATE {} SET finished_at = pg_catalog.clock_timestamp() WHERE set_name = {} AND seq = {seq} \
             RETURNING extract(epoch FROM finished_at - started_at)::float8{commit}",
            self.qualified(),
            quote_literal(run.set),
        )
    }
}
