//! Recording an attempt that failed or was interrupted.

use super::checkpoint::Resumed;
use super::insert::RowValues;
use super::{HistoryTable, NOW, RunIdentity, UNENDED};
use crate::history::HistoryCursor;
use crate::history::foreign_writer::Checkpoint;
use crate::sql::quote::{quote_literal, quote_nullable};
use migrate_core::advice::Cause;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;

impl HistoryTable {
    /// Records that the attempt of the last row never ended, if its end is not recorded. If another run has
    /// recorded it meanwhile, the row is not in the expected state: see [`HistoryTable::is_moved`].
    pub(crate) fn interrupted(&self, set: &str, standing: HistoryCursor) -> Option<String> {
        standing.is_unended.then(|| {
            format!(
                "UPDATE {} SET outcome = CASE WHEN {UNENDED} THEN 'interrupted' ELSE 'moved' END \
                 WHERE set_name = {} AND seq = {}",
                self.qualified(),
                quote_literal(set),
                standing.last_row,
            )
        })
    }

    /// Records that a run was interrupted during its current step.
    #[cfg(feature = "cli")]
    pub(crate) fn run_interrupted(&self, set: &str, run: &str) -> String {
        format!(
            "UPDATE {} SET outcome = 'interrupted', finished_at = {NOW} \
             WHERE set_name = {} AND run_id = {} AND outcome = 'unfinished'",
            self.qualified(),
            quote_literal(set),
            quote_literal(run),
        )
    }

    /// Records an attempt that failed and left nothing, even if its row was begun.
    pub(crate) fn failed(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
        failure: &Failure,
    ) -> String {
        if self.keeps.is_some() {
            // The attempt left nothing, and the row of a failed migration would block the other tool.
            return "SELECT 1".to_owned();
        }
        let row = RowValues { outcome: "failed", failure: Some(failure), ..RowValues::BEGUN };
        let failed = format!(
            "{} ON CONFLICT (set_name, seq) DO UPDATE SET outcome = 'failed', finished_at = {NOW}, ({FAILURE}) = ROW({}) \
             WHERE h.outcome = 'unfinished' AND h.run_id = excluded.run_id",
            self.insert(run, standing.last_row + 1, step, standing.digest, row),
            FAILURE.split(", ").map(|column| format!("excluded.{column}")).collect::<Vec<_>>().join(", ")
        );
        self.interrupted(run.set, standing).into_iter().chain([failed]).collect::<Vec<_>>().join("; ")
    }

    /// Marks a step that runs statement by statement as failed at its checkpoint, if it still belongs to this
    /// run.
    pub(crate) fn failed_at_checkpoint(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        step: &Step<'_>,
        done: usize,
        ended: Ended<'_>,
    ) -> String {
        let [from, to] = [false, true].map(|failed| Checkpoint { done, failed });
        let moved = self.move_foreign(run, step, from, to);
        moved.unwrap_or_else(|| self.end_at_checkpoint(run, (seq, done), "failed", ended))
    }

    /// Ends the row of a step that runs statement by statement, with the statement at its checkpoint in
    /// doubt.
    pub(crate) fn left_in_doubt(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        done: usize,
        ended: Ended<'_>,
    ) -> String {
        // Another tool's table has no column for the server's message.
        if self.keeps.is_some() {
            return "SELECT 1".to_owned();
        }
        self.end_at_checkpoint(run, (seq, done), "interrupted", ended)
    }

    fn end_at_checkpoint(
        &self,
        run: RunIdentity<'_>,
        (seq, done): (i64, usize),
        outcome: &str,
        ended: Ended<'_>,
    ) -> String {
        let said = ended
            .said
            .map(|(notices, warnings)| format!(", (notices, warnings) = ROW({notices}, {warnings})"));
        let said = said.unwrap_or_default();
        format!(
            "UPDATE {} SET outcome = '{outcome}', finished_at = pg_catalog.clock_timestamp(), \
             ({FAILURE}) = ROW({}){said} \
             WHERE set_name = {} AND seq = {seq} AND run_id = {} AND checkpoint = {done} AND outcome <> 'done'",
            self.qualified(),
            failure_values(ended.failure),
            quote_literal(run.set),
            quote_literal(run.run),
        )
    }

    /// Records an attempt that stopped before it could resume an interrupted one.
    pub(crate) fn stopped_before(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
        from: Resumed,
        failure: &Failure,
    ) -> String {
        if self.keeps.is_some() {
            return "SELECT 1".to_owned();
        }
        let row = RowValues {
            outcome: "failed",
            continues: Some(from.row),
            failure: Some(failure),
            ..RowValues::BEGUN
        };
        let insert = self.insert(run, standing.last_row + 1, step, standing.digest, row);
        let reached = format!(
            "UPDATE {} SET reached = {} WHERE set_name = {} AND seq = {}",
            self.qualified(),
            from.done,
            quote_literal(run.set),
            standing.last_row + 1
        );
        self.interrupted(run.set, standing)
            .into_iter()
            .chain([insert, reached])
            .collect::<Vec<_>>()
            .join(";\n")
    }
}

/// The end of an attempt that did not succeed.
#[derive(Clone, Copy)]
pub(crate) struct Ended<'f> {
    pub(crate) failure: &'f Failure,
    /// The number of notices and warnings, if messages are received.
    pub(crate) said: Option<(u32, u32)>,
}

/// The columns of a failure.
pub(super) const FAILURE: &str = "sqlstate, message, detail, hint, cause, failed_statement, failed_line";

/// The values of these columns for a failure.
pub(super) fn failure_values(failure: &Failure) -> String {
    let place = failure.place.as_ref();
    let number = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
    // The character that replaces a secret does not exist in every encoding.
    let said = |text: &str| quote_literal(&text.replace('…', "..."));
    let may_be_said = |text: &Option<String>| text.as_deref().map_or_else(|| "NULL".to_owned(), said);
    [
        quote_nullable(failure.code.as_deref()),
        said(&failure.message),
        may_be_said(&failure.detail),
        may_be_said(&failure.hint),
        quote_nullable(failure.cause.map(Cause::word)),
        number(place.map(|place| place.statement.to_string())),
        number(place.map(|place| place.line.to_string())),
    ]
    .join(", ")
}

/// The values of these columns without a failure.
pub(super) fn no_failure() -> String {
    vec!["NULL"; FAILURE.split(", ").count()].join(", ")
}
