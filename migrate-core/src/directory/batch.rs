//! Checks of scripts that run in batches, and of migrations that wait for one.

use crate::backfill;
use crate::set::Role;
use crate::set::file_migration::FileMigration;
use crate::set::migration::{Migration, Payload};
use crate::set::options::{self, Header, OptionName, Options};
use crate::set::placeholder::{BATCH, Placeholders, stray_batch};
use crate::set::problem::{BatchFault, PlaceholderFault, Problem, ProblemKind, Problems};
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::statement::{InsertSource, LexedStatement, StatementKind};
use crate::sql::{Statement, TransactionMode};

/// The faults of a script that runs in batches, or that has parts of one, each with its byte offset.
pub(super) fn faults(
    text: &str,
    statements: &[Statement],
    header: &Header,
    options: &Options,
    declared: Option<&[String]>,
    placeholders: &mut Placeholders,
) -> Vec<(usize, BatchFault)> {
    let Some(batch) = &options.batch else {
        return stray_parts(text, header, options, declared, placeholders);
    };
    let mut faults = Vec::new();
    if options.transaction == Some(TransactionMode::None) {
        let at = header.at(OptionName::Transaction).max(header.at(OptionName::Batch));
        faults.push((at, BatchFault::WithoutTransaction));
    }
    let Some(first) = statements.first() else { return faults };
    if let Some(second) = statements.get(1) {
        faults.push((second.range().start, BatchFault::SeveralStatements { count: statements.len() }));
        return faults;
    }
    let start = first.range().start;
    let lexed = LexedStatement::new(first.text(text));
    let parsed = lexed.parse();
    let is_batched = match &parsed.kind {
        StatementKind::Update(_) | StatementKind::Delete(_) => true,
        StatementKind::Insert(insert) => matches!(insert.source, InsertSource::Query(_)),
        _ => false,
    };
    if !is_batched {
        let statement = super::script::beginning(first.text(text));
        faults.push((start, BatchFault::OtherStatement { statement }));
        return faults;
    }
    let is_used = placeholders.found.iter().any(|placeholder| placeholder.name() == BATCH);
    if !is_used && !placeholders.faults.iter().any(|(_, text, _)| text == "${batch}") {
        faults.push((start, BatchFault::NoPlaceholder));
    }
    if !backfill::names_table(&parsed, batch) {
        faults.push((header.at(OptionName::Batch), BatchFault::NoTable { table: batch.table.to_string() }));
    }
    if let Some(column) = backfill::changed_key(&parsed, batch) {
        let fault = BatchFault::ChangesKey { column: column.written().to_owned() };
        faults.push((start + column.span().start, fault));
    }
    faults
}

/// The parts of a backfill in a script that is none.
fn stray_parts(
    text: &str,
    header: &Header,
    options: &Options,
    declared: Option<&[String]>,
    placeholders: &mut Placeholders,
) -> Vec<(usize, BatchFault)> {
    let is_batch = |fault: &PlaceholderFault, text: &str| {
        text == "${batch}" && matches!(fault, PlaceholderFault::Unknown { .. })
    };
    let unknown = placeholders.faults.iter().find(|(_, text, fault)| is_batch(fault, text));
    let stray = unknown.map(|(at, ..)| *at).or_else(|| stray_batch(text, declared));
    placeholders.faults.retain(|(at, ..)| Some(*at) != stray);
    let beside = [(OptionName::Rows, options.rows.is_some()), (OptionName::Pause, options.pause.is_some())];
    let beside = beside.into_iter().filter(|(_, is_set)| *is_set);
    let beside =
        beside.map(|(option, _)| (header.at(option), BatchFault::WithoutBatch { option: option.text() }));
    stray.map(|at| (at, BatchFault::NotRequested)).into_iter().chain(beside).collect()
}

/// Checks that a repeatable migration neither runs in batches nor waits.
pub(super) fn check_repeatable(version: &Version, up: &Script, problems: &mut Problems) {
    let options = up.options();
    let set = [(OptionName::Batch, options.batch.is_some()), (OptionName::After, options.after.is_some())];
    for (option, _) in set.into_iter().filter(|(_, is_set)| version.is_repeatable() && *is_set) {
        report(up, option, BatchFault::Repeatable { option: option.text() }, problems);
    }
}

/// Checks that each migration that waits does so for an earlier backfill.
pub(super) fn check_after(migrations: &[FileMigration], problems: &mut Problems) {
    for migration in migrations {
        let Some(after) = migration.after() else { continue };
        let version = after.as_written().to_owned();
        let found = migrations.iter().find(|other| *other.version() == after);
        let is_replaced =
            || migrations.iter().filter_map(Migration::replaces).any(|range| range.contains(&after));
        let fault = match found {
            None if is_replaced() => continue,
            None => BatchFault::AfterUnknown { version },
            Some(_) if after >= *migration.version() => BatchFault::AfterLater { version },
            Some(other) if !matches!(other.up(), Payload::Backfill(_)) => {
                BatchFault::AfterOther { version, name: other.name().to_owned() }
            }
            Some(_) => continue,
        };
        match migration.up_script() {
            Some(up) => report(up, OptionName::After, fault, problems),
            None => problems.push(Problem::of_file(migration.up().path(), ProblemKind::Batch(fault))),
        }
    }
}

/// Reports a fault at an option of a script.
fn report(up: &Script, option: OptionName, fault: BatchFault, problems: &mut Problems) {
    let at = up.line_column(options::read_header(up.source(), Role::Up).at(option));
    let kind = ProblemKind::Batch(fault);
    problems.push(Problem { path: up.path().to_owned(), line: at.line, column: at.column, kind });
}
