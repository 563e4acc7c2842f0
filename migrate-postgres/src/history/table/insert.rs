//! Inserting a row for an attempt.

use super::failure::{FAILURE, failure_values, no_failure};
use super::{HistoryTable, NOW, RunIdentity};
use crate::sql::quote::{quote_literal, quote_nullable};
use migrate_core::Digest;
use migrate_core::engine::error::Failure;
use migrate_core::history::stored;
use migrate_core::plan::{Action, Adopted, Step};
use std::time::{Duration, SystemTime};

impl HistoryTable {
    /// The row that a step's row resumes, as an expression.
    fn continues(&self, set: &str, step: &Step<'_>) -> String {
        match (step.action, step.settles) {
            (_, Some(settled)) => settled.row.to_string(),
            // If a text was accepted before, the row of the run.
            (Action::Accept, None) => format!(
                "(SELECT CASE action WHEN 'accept' THEN continues ELSE seq END FROM {} WHERE set_name = {} AND version = {} AND outcome = 'done' \
                 AND action IN ('apply', 'mark', 'accept') ORDER BY seq DESC LIMIT 1)",
                self.qualified(),
                quote_literal(set),
                quote_literal(&step.version.canonical()),
            ),
            _ => "NULL".to_owned(),
        }
    }

    pub(super) fn insert(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        step: &Step<'_>,
        digest: Digest,
        row: RowValues<'_>,
    ) -> String {
        let keep = |text: Option<String>| quote_nullable(text.as_deref());
        let statements = match step.runs() {
            true => step.statement_count(),
            false => step.up.as_deref().map_or(0, |script| script.statements().len()),
        };
        let checkpoint = row.checkpoint.map_or_else(|| "NULL".to_owned(), |done| done.to_string());
        let (started, finished) = match &step.adopted {
            Some(adopted) => times(adopted),
            None if row.failure.is_some() => (NOW.to_owned(), NOW.to_owned()),
            None => (NOW.to_owned(), "NULL".to_owned()),
        };
        let failure = row.failure.map_or_else(no_failure, failure_values);
        format!(
            "INSERT INTO {table} AS h (set_name, seq, version, name, action, outcome, live, checksum, digest, statements, \
             checkpoint, started_at, finished_at, run_id, program, reason, continues, {FAILURE}, up_sql, down_sql) \
             VALUES ({set}, {seq}, {version}, {name}, '{action}', '{outcome}', {live}, '{checksum}', '\\x{digest}', \
             {statements}, {checkpoint}, {started}, {finished}, {run_id}, {program}, {reason}, {continues}, {failure}, {up}, {down})",
            table = self.qualified(),
            set = quote_literal(run.set),
            version = quote_literal(&step.version.canonical()),
            name = quote_literal(&step.name),
            action = step.action.word(),
            outcome = row.outcome,
            live = row.live,
            checksum = step.checksum,
            continues = row.continues.map_or_else(|| self.continues(run.set, step), |row| row.to_string()),
            run_id = quote_literal(run.run),
            program = quote_literal(run.program),
            reason = quote_nullable(step.reason.as_deref()),
            up = keep(step.up.as_deref().map(|script| stored::text(script.source()))),
            down = keep(step.down.as_deref().map(stored::down)),
        )
    }
}

/// A statement that writes one row, and fails if it writes none because a trigger removed it: the logarithm of
/// zero has a SQLSTATE of its own. See [`HistoryTable::is_not_kept`].
pub(super) fn one_row(statement: &str) -> String {
    format!("WITH written AS ({statement} RETURNING 1) SELECT pg_catalog.ln(count(*)::float8) FROM written")
}

/// The start and end of a migration that another tool applied, as far as they are known.
fn times(adopted: &Adopted) -> (String, String) {
    let Some(at) = adopted.at else { return (NOW.to_owned(), "NULL".to_owned()) };
    // In whole microseconds, which the server stores, and which a double holds exactly.
    let timestamp = |since: i128| format!("(to_timestamp(0) + {since} * interval '1 microsecond')");
    let micros = |duration: Duration| i128::try_from(duration.as_micros()).unwrap_or(i128::MAX);
    let at = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => micros(after),
        Err(before) => -micros(before.duration()),
    };
    let finished = adopted.took.map_or_else(|| "NULL".to_owned(), |took| timestamp(at + micros(took)));
    (timestamp(at), finished)
}

/// The values in which the rows of a step differ.
#[derive(Clone, Copy)]
pub(super) struct RowValues<'f> {
    pub(super) outcome: &'static str,
    pub(super) live: bool,
    pub(super) checkpoint: Option<usize>,
    pub(super) continues: Option<i64>,
    pub(super) failure: Option<&'f Failure>,
}

impl RowValues<'_> {
    /// The values for an attempt that is begun.
    pub(super) const BEGUN: Self =
        RowValues { outcome: "unfinished", live: false, checkpoint: None, continues: None, failure: None };
}
