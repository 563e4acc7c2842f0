//! Our history's table, as SQL text: how it is looked up, created, loaded and written.

use crate::history::HistoryCursor;
use crate::history::checkpoint_table::{self, CheckpointTable};
use crate::history::foreign_writer::{Checkpoint, Checkpoints, Entry, ForeignWriter, try_lock};
use crate::history::format::{self, FORMAT, TableColumns};
use crate::history::head_table::{self, HeadTable};
use crate::history::is_made_meanwhile;
use crate::sql::quote::{quote_ident, quote_literal, quote_nullable};
use crate::sql::transaction::BEGIN;
use migrate_core::engine::error::Failure;
use migrate_core::history::stored;
use migrate_core::plan::{Action, Adopted, Settled, Step, Superseded};
use migrate_core::{Digest, TransactionMode, Version};
use sha2::{Digest as _, Sha256};
use std::ops::Range;
use std::time::{Duration, SystemTime};
use tokio_postgres::error::SqlState;

/// The table that a set's history is kept in, always written with its schema.
#[derive(Clone, Debug)]
pub(crate) struct HistoryTable {
    schema: String,
    name: String,
    /// How it is written, where it is another tool's.
    keeps: Option<&'static dyn ForeignWriter>,
    /// Whether a table of checkpoints may be made beside it, where it is another tool's.
    may_have_checkpoints: bool,
    /// The format that it is read in; it is written in this release's.
    format: i32,
    /// Whether it has rules, with which the server refuses what fails where no row is written.
    has_rules: bool,
}

/// What all rows of one run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunIdentity<'a> {
    /// The set.
    pub(crate) set: &'a str,
    /// What tells the run from others.
    pub(crate) run: &'a str,
    /// The program that runs it.
    pub(crate) program: &'a str,
}

/// The condition of a row of a migration that runs statement by statement and was begun and not ended, or was told by hand
/// where to go on. There is one at most.
pub(super) const OPEN: &str = "(checkpoint IS NOT NULL AND (outcome <> 'done' OR action = 'rewind'))";

/// The condition of a row of an attempt whose end nobody has recorded, in a transaction that is gone with its run.
pub(super) const UNENDED: &str = "(outcome = 'unfinished' AND checkpoint IS NULL)";

/// What the history's table says of itself.
const COMMENT: &str = "What was migrated, by migrate-postgres: one row for each attempt.";

/// How many rows a look at the history's end reads: a release that is so much older, less one, still boots with one
/// query.
pub(crate) const LAST_ROWS: usize = 5;

/// The history's table as it is looked up before its schema is known.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// With its schema, or by the search path.
    pub(crate) sql: String,
    /// The head table, in the same way.
    pub(crate) head: String,
    name: String,
    pub(crate) by_search_path: bool,
}

impl Relation {
    /// The table in a schema, or where the search path finds it.
    pub(crate) fn new(schema: Option<&str>, name: &str) -> Relation {
        let prefix = schema.map_or_else(String::new, |schema| format!("{}.", quote_ident(schema)));
        let [sql, head] =
            [name, &head_table::name(name)].map(|table| format!("{prefix}{}", quote_ident(table)));
        Relation { sql, head, name: name.to_owned(), by_search_path: schema.is_none() }
    }

    /// Whether the table is in the schema that the search path begins with: one further down the path is somebody else's,
    /// and no history of ours.
    pub(crate) fn is_ours(&self) -> String {
        if !self.by_search_path {
            return "true".to_owned();
        }
        format!(
            "tableoid = pg_catalog.to_regclass(pg_catalog.quote_ident(current_schema()) || {})",
            quote_literal(&format!(".{}", quote_ident(&self.name)))
        )
    }
}

impl HistoryTable {
    pub(crate) fn new(schema: &str, name: &str) -> HistoryTable {
        HistoryTable {
            schema: schema.to_owned(),
            name: name.to_owned(),
            keeps: None,
            may_have_checkpoints: false,
            format: FORMAT,
            has_rules: false,
        }
    }

    /// The same as another tool's table.
    pub(crate) fn kept(self, keeps: Option<&'static dyn ForeignWriter>) -> HistoryTable {
        HistoryTable { keeps, ..self }
    }

    /// The same, beside which this session may make a table, or may not.
    pub(crate) fn beside_which(self, may_make: bool) -> HistoryTable {
        HistoryTable { may_have_checkpoints: may_make, ..self }
    }

    /// The same in a format.
    pub(crate) fn in_format(self, format: i32) -> HistoryTable {
        HistoryTable { format, ..self }
    }

    /// The same with rules.
    pub(crate) fn ruled(self, has_rules: bool) -> HistoryTable {
        HistoryTable { has_rules, ..self }
    }

    /// How it is written, where it is another tool's.
    pub(crate) fn keeps(&self) -> Option<&'static dyn ForeignWriter> {
        self.keeps
    }

    /// Whether an error at making the table means that another tool, whose table it is, is at work.
    pub(crate) fn is_being_made(&self, error: &tokio_postgres::Error) -> bool {
        self.keeps.is_some()
            && (is_made_meanwhile(error) || error.code() == Some(&SqlState::DIVISION_BY_ZERO))
    }

    /// Whether it has a place for how far a step that runs statement by statement has come.
    pub(crate) fn has_checkpoints(&self, step: &Step<'_>) -> bool {
        self.keeps.is_none_or(|keeps| self.checkpoints(keeps, step).is_some())
    }

    /// Calls a function with another tool's way to write and a step's row there, where the table is another tool's.
    fn for_foreign<R>(
        &self,
        run: RunIdentity<'_>,
        step: &Step<'_>,
        write: impl FnOnce(&'static dyn ForeignWriter, Entry<'_>) -> R,
    ) -> Option<R> {
        let keeps = self.keeps?;
        let (table, checkpoints, id) = (self.qualified(), self.checkpoint_table(), uuid(run.run, step));
        Some(write(keeps, Entry { table: &table, checkpoints: &checkpoints, keeps, step, id: &id }))
    }

    /// The table of checkpoints beside it, with its schema, as SQL.
    pub(crate) fn checkpoint_table(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&checkpoint_table::name(&self.name)))
    }

    /// Where a step's way is remembered: in the other tool's table, where it has a place for it, or beside it. No tool has a
    /// notion of a revert that is under way.
    fn checkpoints(
        &self,
        keeps: &'static dyn ForeignWriter,
        step: &Step<'_>,
    ) -> Option<&'static dyn Checkpoints> {
        let reverts = step.action == Action::Revert || step.settles.is_some_and(|settled| settled.reverting);
        let beside: &'static dyn Checkpoints = &CheckpointTable;
        keeps.checkpoints().filter(|_| !reverts).or(self.may_have_checkpoints.then_some(beside))
    }

    /// Asks for the transaction that has written a step's row last.
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

    /// Makes the table, its schema where there is none, and the head table. To be run under the lock, after a look: `IF NOT EXISTS`
    /// races with itself.
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

    /// Makes the table one of this release's format, and the head table where there is none.
    pub(super) fn upgrade(&self, found: &TableColumns, head: Option<&HeadTable>) -> Vec<String> {
        let table = self.qualified();
        let statements = [found.upgrade(&table), format::comment(&table, COMMENT)];
        std::iter::once(BEGIN.to_owned())
            .chain(statements)
            .chain(head.map(HeadTable::create).into_iter().flatten())
            .chain(std::iter::once("COMMIT".to_owned()))
            .collect()
    }

    /// The head table beside it.
    pub(crate) fn head(&self) -> HeadTable {
        HeadTable::new(&self.schema, &self.name)
    }

    /// The last rows, the newest first, with whether the schema they were found in is the one that the search path begins
    /// with. Parameter: set.
    ///
    /// This is all that a boot with nothing to do asks, so it is as little as the server can plan: one index of one table.
    pub(crate) fn last_rows(relation: &Relation) -> String {
        format!(
            "SELECT seq, digest, version, name, action, outcome, {}, checkpoint FROM {} WHERE set_name = $1 ORDER BY seq DESC \
             LIMIT {LAST_ROWS}",
            relation.is_ours(),
            relation.sql
        )
    }

    /// The version of the row of a migration that runs statement by statement and was begun and not ended. Parameter: set.
    pub(crate) fn open_version(relation: &Relation) -> String {
        format!("SELECT version FROM {} WHERE set_name = $1 AND {OPEN}", relation.sql)
    }

    /// The last row and all before it down to the last one that has a given digest, the newest first. Parameters: set,
    /// digest.
    pub(crate) fn rows_since(relation: &Relation) -> String {
        format!(
            "SELECT seq, digest, version, name, action, outcome, {}, checkpoint FROM {table} WHERE set_name = $1 AND seq >= \
             (SELECT seq FROM {table} WHERE set_name = $1 AND digest = $2 ORDER BY seq DESC LIMIT 1) ORDER BY seq DESC",
            relation.is_ours(),
            table = relation.sql
        )
    }

    /// The rows that count, with whether each was marked before anything of it was run. Parameter: set.
    ///
    /// A mark that settles by hand what stopped half-way goes on from the row of that attempt. An accepted text changes
    /// nothing of when its migration was applied, and of whether it was run.
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

    /// The last row's number, whether it is of an attempt that nobody has ended, its digest, and how many rows there are.
    /// Parameter: set.
    pub(crate) fn last(&self) -> String {
        format!(
            "SELECT seq, {UNENDED}, digest, (SELECT count(*) FROM {table} WHERE set_name = $1) \
             FROM {table} WHERE set_name = $1 ORDER BY seq DESC LIMIT 1",
            table = self.qualified()
        )
    }

    /// The rows that are gone from before the last one: the first and the last number of each gap. Parameter: set.
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
                 extract(epoch FROM pg_catalog.clock_timestamp() - started_at)::float8 END \
             FROM {} WHERE set_name = $1 ORDER BY seq",
            ["detail", "hint", "notices", "warnings", "continues", "reached", "pid"]
                .map(|column| format::read(self.format, column))
                .join(", "),
            self.qualified()
        )
    }

    /// Begins a step's row, as one that is to be done when its transaction commits. `digest` is that of all that is
    /// applied after the step.
    ///
    /// It is the first statement of the step's transaction: should another run be there in spite of all locks, one of
    /// the two waits here for the other's transaction to end and then fails, before it has changed anything.
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
        // A corrected script that runs in a transaction ends the attempt of the wrong one.
        if let Some(settled) = step.settles {
            statements.push(self.settle(run.set, settled));
        }
        let reverts = matches!(step.action, Action::Revert | Action::Unmark);
        if reverts && step.changes {
            statements.push(self.retire(run.set, step));
        }
        let row = match (step.action, step.settles) {
            (Action::Rewind, Some(settled)) => RowKey {
                outcome: "done",
                live: !settled.reverting,
                checkpoint: Some(settled.statements_done),
                ..RowKey::BEGUN
            },
            _ => RowKey { outcome: "done", live: !reverts && step.changes, ..RowKey::BEGUN },
        };
        statements.extend(self.supersede(run.set, step));
        statements.push(if self.has_marker(step) {
            self.confirm(run, seq, digest, row.live)
        } else {
            one_row(&self.insert(run, seq, step, digest, row))
        });
        statements
    }

    /// Whether a step's row is there before its transaction begins.
    pub(crate) fn has_marker(&self, step: &Step<'_>) -> bool {
        self.keeps.is_none() && step.script().is_some()
    }

    /// Begins a step's row before its transaction, so that it stays where that is lost with its run: a transaction of its own,
    /// for which nobody waits until it is on disk. `before` is the digest of all that is applied. Where the last row is of an
    /// attempt that nobody has ended, that is recorded first.
    pub(crate) fn marker(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
    ) -> Vec<String> {
        let row = RowKey::BEGUN;
        let insert = self.insert(run, standing.last_row + 1, step, standing.digest, row);
        self.interrupted(run.set, standing).into_iter().chain([insert]).collect()
    }

    /// Records that the attempt of the last row never ended, where nobody has recorded its end. Where somebody has
    /// meanwhile, the row is not as it was read: see [`HistoryTable::is_moved`].
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

    /// Records that a run was interrupted in what it was at.
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

    /// Lets a step's row be one that is done when its transaction commits. Should another run be there in spite of all locks,
    /// it waits for the end of this transaction before it takes the row for one that nobody ends.
    fn confirm(&self, run: RunIdentity<'_>, seq: i64, digest: Digest, live: bool) -> String {
        one_row(&format!(
            "UPDATE {} SET outcome = CASE WHEN outcome = 'unfinished' AND run_id = {} THEN 'done' ELSE 'moved' END, \
             live = {live}, digest = '\\x{digest}' WHERE set_name = {} AND seq = {seq}",
            self.qualified(),
            quote_literal(run.run),
            quote_literal(run.set),
        ))
    }

    /// Puts an end to an interrupted attempt.
    fn settle(&self, set: &str, settled: Settled) -> String {
        format!(
            "UPDATE {} SET {CLOSE} WHEN outcome = 'unfinished' THEN 'interrupted' ELSE outcome END \
             WHERE set_name = {} AND seq = {}",
            self.qualified(),
            quote_literal(set),
            settled.row,
        )
    }

    /// Lets the row that a version counts as applied by count no more.
    fn retire(&self, set: &str, step: &Step<'_>) -> String {
        self.retire_all(set, [&step.version])
    }

    /// The same for all versions whose place a step takes.
    fn supersede(&self, set: &str, step: &Step<'_>) -> Option<String> {
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

    /// Ends a step's row, and returns how many seconds it took. The commit that follows waits until it is on disk only
    /// where it is to be `durable`.
    pub(crate) fn finish(&self, run: RunIdentity<'_>, seq: i64, step: &Step<'_>, durable: bool) -> String {
        let commit = if durable { "" } else { ", pg_catalog.set_config('synchronous_commit', 'off', true)" };
        if let Some(finish) = self.for_foreign(run, step, finish_foreign) {
            return format!("{finish}{commit}");
        }
        if step.adopted.is_some() {
            // The rows say already when their migrations ended.
            return format!("SELECT 0::float8{commit}");
        }
        format!(
            "UPDATE {} SET finished_at = pg_catalog.clock_timestamp() WHERE set_name = {} AND seq = {seq} \
             RETURNING extract(epoch FROM finished_at - started_at)::float8{commit}",
            self.qualified(),
            quote_literal(run.set),
        )
    }

    /// Whether anything was ever applied, by a set. Parameter: set.
    pub(crate) fn is_used(&self) -> String {
        format!("SELECT EXISTS (SELECT FROM {} WHERE set_name = $1 AND outcome = 'done')", self.qualified())
    }

    /// Records an attempt that failed and left nothing, also where its row was begun.
    pub(crate) fn failed(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
        failure: &Failure,
    ) -> String {
        if self.keeps.is_some() {
            // It has left nothing, and a row of a failed migration would keep the other tool from going on.
            return "SELECT 1".to_owned();
        }
        let row = RowKey { outcome: "failed", failure: Some(failure), ..RowKey::BEGUN };
        let failed = format!(
            "{} ON CONFLICT (set_name, seq) DO UPDATE SET outcome = 'failed', finished_at = {NOW}, ({FAILURE}) = ROW({}) \
             WHERE h.outcome = 'unfinished' AND h.run_id = excluded.run_id",
            self.insert(run, standing.last_row + 1, step, standing.digest, row),
            FAILURE.split(", ").map(|column| format!("excluded.{column}")).collect::<Vec<_>>().join(", ")
        );
        self.interrupted(run.set, standing).into_iter().chain([failed]).collect::<Vec<_>>().join("; ")
    }

    /// Begins the row of a step that runs statement by statement: it claims the version and stands at its first
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
        let row = RowKey { live, checkpoint: Some(0), ..RowKey::BEGUN };
        let insert = one_row(&self.insert(run, standing.last_row + 1, step, standing.digest, row));
        let before = self.interrupted(run.set, standing).into_iter().chain(self.supersede(run.set, step));
        // Before the first statement is run, which no transaction may undo: the row can be changed, too.
        let seq = standing.last_row + 1;
        let change = format!(
            "UPDATE {} SET checkpoint = 0 WHERE set_name = {} AND seq = {seq}",
            self.qualified(),
            quote_literal(run.set)
        );
        before.chain([insert, one_row(&change)]).collect::<Vec<_>>().join(";\n")
    }

    /// Begins the row of a corrected script that goes on where another text of it failed, and puts an end to that attempt.
    pub(crate) fn claim_corrected(
        &self,
        run: RunIdentity<'_>,
        standing: HistoryCursor,
        step: &Step<'_>,
        settled: Settled,
    ) -> String {
        let row = RowKey { live: true, checkpoint: Some(settled.statements_done), ..RowKey::BEGUN };
        let insert = one_row(&self.insert(run, standing.last_row + 1, step, standing.digest, row));
        let before = self.interrupted(run.set, standing).into_iter().chain([self.settle(run.set, settled)]);
        before.chain([insert]).collect::<Vec<_>>().join(";\n")
    }

    /// Goes on with an interrupted attempt in a row of its own: from now on the run that began it can't move its checkpoint.
    ///
    /// Like all that moves a checkpoint, it violates the table's check when the row is not as it should be: see
    /// [`HistoryTable::is_moved`].
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
        // A checkpoint that was moved by hand stands in a row that is done.
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
        let begun = RowKey { live, checkpoint: Some(to), continues: Some(row), ..RowKey::BEGUN };
        let insert = one_row(&self.insert(run, standing.last_row + 1, step, standing.digest, begun));
        self.interrupted(run.set, standing).into_iter().chain([close, insert]).collect::<Vec<_>>().join(";\n")
    }

    /// Moves the checkpoint of a step that runs statement by statement, and that this run has begun or taken over.
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

    /// Moves the checkpoint of a step in another tool's table; nothing is done where it has no place for one.
    fn move_foreign(
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

    /// Changes a row of an attempt that runs statement by statement. If it is not as `condition` says, the outcome becomes
    /// one that the table's check refuses: an error, where an UPDATE of no row would not be one.
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

    /// Whether an error means that a rule or a trigger has taken a row away that was to be written.
    pub(crate) fn is_not_kept(&self, error: &tokio_postgres::Error) -> bool {
        let is_ours = self.keeps.is_none();
        is_ours
            && error.as_db_error().is_some_and(|db| match *db.code() {
                SqlState::INVALID_TEXT_REPRESENTATION => db.message().contains(NOT_KEPT),
                SqlState::FEATURE_NOT_SUPPORTED => self.has_rules,
                _ => false,
            })
    }

    /// Whether an error means that a row of the history is not as this run left it: another run has taken it over.
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

    /// Marks a step that runs statement by statement as failed at its checkpoint, if it still is this run's.
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

    /// Ends the row of a step that runs statement by statement with the statement at its checkpoint in doubt.
    pub(crate) fn left_in_doubt(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        done: usize,
        ended: Ended<'_>,
    ) -> String {
        // Another tool's table has no place for what the server said.
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

    /// Records an attempt that stopped before it could go on with an interrupted one.
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
        let row =
            RowKey { outcome: "failed", continues: Some(from.row), failure: Some(failure), ..RowKey::BEGUN };
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

    /// Marks a step that runs statement by statement as done; returns how many seconds it took.
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

    /// Records how many messages the server sent at a run's rows.
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

    /// The row that a step's row goes on from, as an expression.
    fn continues(&self, set: &str, step: &Step<'_>) -> String {
        match (step.action, step.settles) {
            (_, Some(settled)) => settled.row.to_string(),
            // Where a text was accepted before, the row of the run.
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

    fn insert(
        &self,
        run: RunIdentity<'_>,
        seq: i64,
        step: &Step<'_>,
        digest: Digest,
        row: RowKey<'_>,
    ) -> String {
        let keep = |text: Option<String>| quote_nullable(text.as_deref());
        let statements = step.script().or(step.up.as_deref()).map_or(0, |script| script.statements().len());
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

/// Lets an attempt stand for its version no more, and keeps how far it came; its outcome is left to be told.
const CLOSE: &str = "live = false, reached = checkpoint, checkpoint = NULL, \
                     outcome = CASE";

/// What the server says where a row was not written, in an error that no script makes.
const NOT_KEPT: &str = "migrate: the history does not keep the row";

/// A statement that writes one row, which fails where it writes none: a rule or a trigger has taken it away. See
/// [`HistoryTable::is_not_kept`].
fn one_row(statement: &str) -> String {
    format!(
        "WITH written AS ({statement} RETURNING 1) SELECT (CASE count(*) WHEN 0 THEN '{NOT_KEPT}' ELSE '1' END)::int FROM written"
    )
}

/// The time of the server's clock.
const NOW: &str = "pg_catalog.clock_timestamp()";

/// When a migration that another tool has applied was begun and ended, as far as that is known.
fn times(adopted: &Adopted) -> (String, String) {
    let Some(at) = adopted.at else { return (NOW.to_owned(), "NULL".to_owned()) };
    // Whole microseconds, as the server keeps them, and as a double holds them exactly.
    let timestamp = |since: i128| format!("(to_timestamp(0) + {since} * interval '1 microsecond')");
    let micros = |duration: Duration| i128::try_from(duration.as_micros()).unwrap_or(i128::MAX);
    let at = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => micros(after),
        Err(before) => -micros(before.duration()),
    };
    let finished = adopted.took.map_or_else(|| "NULL".to_owned(), |took| timestamp(at + micros(took)));
    (timestamp(at), finished)
}

/// Takes the other tool's own lock for this transaction, where it has one.
fn take_lock(keeps: &dyn ForeignWriter) -> Vec<String> {
    keeps.lock_key().map(|key| try_lock(&key)).into_iter().collect()
}

/// Begins a step's row in another tool's table.
fn begin_foreign(
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

/// Takes the rows out of another tool's table that a step takes the place of.
fn supersede_foreign(keeps: &dyn ForeignWriter, entry: Entry<'_>) -> Vec<String> {
    let delete = |old: &Superseded| {
        let step = Step::unmark(old.version.clone(), old.version.canonical().into_owned(), old.checksum);
        keeps.delete(Entry { step: &step, ..entry })
    };
    entry.step.supersedes.iter().map(delete).collect()
}

/// Ends a step's row in another tool's table.
fn finish_foreign(keeps: &'static dyn ForeignWriter, entry: Entry<'_>) -> String {
    match (entry.step.action, entry.step.settles) {
        (Action::Apply | Action::Mark, None) => keeps.finish(entry),
        _ => "SELECT extract(epoch FROM pg_catalog.clock_timestamp() - now())::float8".to_owned(),
    }
}

/// Ends a step that ran statement by statement in another tool's table.
fn complete_foreign(
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

/// A random UUID, of version 4, that is the same whenever it is asked for of a run's step.
fn uuid(run: &str, step: &Step<'_>) -> String {
    let hash = Sha256::digest(format!("{run} {} {}", step.action, step.version));
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// What tells one row of a step from another.
#[derive(Clone, Copy)]
struct RowKey<'f> {
    outcome: &'static str,
    live: bool,
    checkpoint: Option<usize>,
    continues: Option<i64>,
    failure: Option<&'f Failure>,
}

impl RowKey<'_> {
    /// Of an attempt that is begun.
    const BEGUN: Self =
        RowKey { outcome: "unfinished", live: false, checkpoint: None, continues: None, failure: None };
}

/// How many messages the server sent while a row of the history was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) row: i64,
    pub(crate) notices: u32,
    pub(crate) warnings: u32,
}

/// How an attempt ended that did not end well.
#[derive(Clone, Copy)]
pub(crate) struct Ended<'f> {
    pub(crate) failure: &'f Failure,
    /// How many notices and warnings the server sent, where that is heard.
    pub(crate) said: Option<(u32, u32)>,
}

/// Where an interrupted attempt is gone on from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumed {
    /// The number of its row.
    pub(crate) row: i64,
    /// How many statements are done.
    pub(crate) done: usize,
    /// Whether the next one is certainly not.
    pub(crate) failed: bool,
    /// How many are done as it turned out, and are not to be run again.
    pub(crate) to: usize,
}

/// The columns that tell of a failure.
const FAILURE: &str = "sqlstate, message, detail, hint, failed_statement, failed_line";

/// Their values for a failure.
fn failure_values(failure: &Failure) -> String {
    let place = failure.place.as_ref();
    let number = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
    // The sign that stands for a secret has no place in every encoding.
    let said = |text: &str| quote_literal(&text.replace('…', "..."));
    let may_be_said = |text: &Option<String>| text.as_deref().map_or_else(|| "NULL".to_owned(), said);
    [
        quote_nullable(failure.code.as_deref()),
        said(&failure.message),
        may_be_said(&failure.detail),
        may_be_said(&failure.hint),
        number(place.map(|place| place.statement.to_string())),
        number(place.map(|place| place.line.to_string())),
    ]
    .join(", ")
}

/// Their values where there is none.
fn no_failure() -> String {
    vec!["NULL"; FAILURE.split(", ").count()].join(", ")
}

/// Whether a step is committed in parts, with a checkpoint after each.
pub(crate) fn is_statement_by_statement(step: &Step<'_>) -> bool {
    step.script().is_some_and(|script| script.transaction() != TransactionMode::Block)
}
