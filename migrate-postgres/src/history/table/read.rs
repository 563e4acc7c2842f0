//! The queries that read the history's rows.

use super::{HistoryTable, RunIdentity, UNENDED};
use crate::history::format;
use crate::sql::quote::quote_literal;
use migrate_core::plan::Step;

impl HistoryTable {
    /// The query for the transaction that last wrote a step's row.
    pub(crate) fn last_written(&self, run: RunIdentity<'_>, seq: i64, step: &Step<'_>) -> String {
        let foreign = self.for_foreign(run, step, |keeps, entry| {
            self.checkpoints(keeps, step).map_or_else(
                || (entry.table.to_owned(), "false".to_owned()),
                |checkpoints| (checkpoints.table(entry).to_owned(), checkpoints.row(entry)),
            )
        });
        let (table, row) = foreign.unwrap_or_else(|| {
            (self.qualified(), format!("set_name = {} AND seq = {seq}", quote_literal(run.set)))
        });
        format!("SELECT h.xmin::text FROM {table} h WHERE {row}")
    }

    /// The live rows, with whether each was marked before any of its statements was run. Parameter: set.
    ///
    /// A mark that settles a half-done migration by hand resumes the row of that attempt. An accepted text
    /// changes neither the time at which its migration was applied nor whether it was run.
    pub(crate) fn load(&self) -> String {
        let table = self.qualified();
        let (first, marked) = match self.format {
            format::FIRST => (String::new(), "h.action = 'mark'"),
            _ => (
                format!(
                    " LEFT JOIN {table} o ON h.action = 'accept' AND o.set_name = h.set_name AND o.seq = h.continues"
                ),
                "coalesce(o.action, h.action) = 'mark' \
                 AND CASE WHEN h.action = 'accept' THEN o.continues ELSE h.continues END IS NULL",
            ),
        };
        let of_first = |column: &str| match self.format {
            format::FIRST => format!("h.{column}"),
            _ => format!("coalesce(o.{column}, h.{column})"),
        };
        let [started, finished, run] = ["started_at", "finished_at", "run_id"].map(of_first);
        format!(
            "SELECT h.seq, h.version, h.name, h.action, h.outcome, h.live, h.checksum, h.checkpoint, {started}, \
               extract(epoch FROM {finished} - {started})::float8, {run}, {marked} \
             FROM {table} h{first} WHERE h.set_name = $1 \
               AND (h.live OR (h.checkpoint IS NOT NULL AND (h.outcome <> 'done' OR h.action = 'rewind'))) ORDER BY h.seq"
        )
    }

    /// The last row's number, whether the end of its attempt is not recorded, its digest, and the number of
    /// rows. Parameter: set.
    pub(crate) fn last(&self) -> String {
        format!(
            "SELECT seq, {UNENDED}, digest, (SELECT count(*) FROM {table} WHERE set_name = $1) \
             FROM {table} WHERE set_name = $1 ORDER BY seq DESC LIMIT 1",
            table = self.qualified()
        )
    }

    /// The gaps of missing rows before the last one: the first and the last number of each. Parameter: set.
    pub(crate) fn gaps(&self) -> String {
        format!(
            "SELECT before + 1, seq - 1 FROM (SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS before \
             FROM {} WHERE set_name = $1) h WHERE seq > before + 1 ORDER BY seq",
            self.qualified()
        )
    }

    /// The digest at the end. Parameter: set.
    pub(crate) fn last_digest(&self) -> String {
        format!("SELECT digest FROM {} WHERE set_name = $1 ORDER BY seq DESC LIMIT 1", self.qualified())
    }

    /// The texts of rows. Parameters: set, row numbers.
    pub(crate) fn texts(&self) -> String {
        format!(
            "SELECT seq, up_sql, down_sql FROM {} WHERE set_name = $1 AND seq = ANY($2)",
            self.qualified()
        )
    }

    /// All rows, oldest first. Parameter: set.
    pub(crate) fn attempts(&self) -> String {
        format!(
            "SELECT seq, version, name, action, outcome, live, started_at, \
               extract(epoch FROM finished_at - started_at)::float8, run_id, program, done_by, application_name, \
               client_addr::text, sqlstate, message, failed_statement, failed_line, checkpoint, statements, reason, \
               {}, CASE outcome WHEN 'unfinished' THEN \
                 extract(epoch FROM pg_catalog.clock_timestamp() - started_at)::float8 END, {} \
             FROM {} WHERE set_name = $1 ORDER BY seq",
            ["detail", "hint", "notices", "warnings", "continues", "reached", "pid"]
                .map(|column| format::read(self.format, column))
                .join(", "),
            format::read(self.format, "cause"),
            self.qualified()
        )
    }

    /// True if a set ever applied a migration. Parameter: set.
    pub(crate) fn is_used(&self) -> String {
        format!("SELECT EXISTS (SELECT FROM {} WHERE set_name = $1 AND outcome = 'done')", self.qualified())
    }
}
