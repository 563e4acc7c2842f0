//! A rehearsal, as text and JSON: what each statement locked and rewrote, and how long it took.

use super::explained::{at_line, blocks, meaning};
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::page::{Page, Tone};
use crate::operate::{
    Rehearsal, RehearsalStopped, RehearsedStatement, RehearsedStep, SampledBackfill, SampledBatch, TakenLock,
};
use migrate_core::advice::message;
use serde_json::{Value, json};

/// The exit code. Migrations that were left out are no failure, but not a success either.
pub(super) fn exit(rehearsal: &Rehearsal) -> Exit {
    match &rehearsal.stopped {
        None if rehearsal.left_out.is_empty() => Exit::Done,
        None => Exit::Incomplete,
        Some(RehearsalStopped::Refuses { .. } | RehearsalStopped::NeedsCommit { .. }) => Exit::Incomplete,
        Some(RehearsalStopped::Failed(failure)) => Exit::of_failure(failure),
        Some(RehearsalStopped::TimeUp { .. }) => Exit::Failed,
    }
}

pub(super) fn page(rehearsal: &Rehearsal) -> Page {
    let page = rehearsal.steps.iter().fold(Page::default(), |page, step| page.append(step_page(step)));
    let page = match &rehearsal.stopped {
        None if rehearsal.steps.is_empty() => page.line("nothing to do"),
        None => page.toned(rolled_back(rehearsal), Tone::Good),
        Some(stopped) => page.line(rolled_back(rehearsal)).append(stopped_page(stopped)),
    };
    match &*rehearsal.left_out {
        [] => page,
        left_out => page.prose(format!("not rehearsed: {}", left_out.join(", ")), Tone::Warning),
    }
}

fn rolled_back(rehearsal: &Rehearsal) -> String {
    let count = match rehearsal.steps.len() {
        1 => "1 migration".to_owned(),
        count => format!("{count} migrations"),
    };
    format!("{count} rehearsed and rolled back in {:.1?}; nothing was changed", rehearsal.took)
}

fn stopped_page(stopped: &RehearsalStopped) -> Page {
    let tone = match stopped {
        RehearsalStopped::Refuses { .. } | RehearsalStopped::NeedsCommit { .. } => Tone::Warning,
        RehearsalStopped::TimeUp { .. } | RehearsalStopped::Failed(_) => Tone::Bad,
    };
    let text = message(stopped).to_string();
    let mut lines = text.lines();
    Page::default().prose(lines.next().unwrap_or_default(), tone).lines(lines)
}

fn step_page(step: &RehearsedStep) -> Page {
    let page = Page::default().toned(&step.path, Tone::Strong);
    let page = step.statements.iter().fold(page, |page, statement| page.append(statement_page(statement)));
    step.backfill.iter().fold(page, |page, sampled| {
        let tone = if sampled.batches.iter().any(|batch| batch.error.is_some()) {
            Tone::Warning
        } else {
            Tone::Plain
        };
        page.prose(format!("  {sampled}"), tone)
    })
}

/// A TOAST table is locked with its table, which is not worth a line.
fn is_toast(relation: &str) -> bool {
    relation.starts_with("pg_toast.")
}

fn statement_page(statement: &RehearsedStatement) -> Page {
    let line = format!("  {}: {:.1?}", at_line(statement.line, &statement.text), statement.took);
    let tables = statement.locks.iter().filter(|lock| !is_toast(&lock.relation));
    let page = tables.fold(Page::default().prose(line, Tone::Plain), |page, lock| {
        let tone = if lock.mode.blocks_writes() { Tone::Warning } else { Tone::Faint };
        let of = lock.table.as_ref().map(|table| format!(", an index of {table}")).unwrap_or_default();
        page.prose(format!("      locked {}{of}, {}: {}", lock.relation, lock.mode, meaning(lock.mode)), tone)
    });
    statement
        .rewritten
        .iter()
        .fold(page, |page, relation| page.toned(format!("      rewrote {relation}"), Tone::Bad))
}

pub(super) fn json(rehearsal: &Rehearsal) -> Value {
    json!({
        "steps": rehearsal.steps.iter().map(step_json).collect::<Vec<_>>(),
        "stopped": rehearsal.stopped.as_ref().map(stopped_json),
        "left_out": rehearsal.left_out,
        "took_seconds": json::seconds(rehearsal.took),
    })
}

fn step_json(step: &RehearsedStep) -> Value {
    json!({
        "version": step.version.as_written(),
        "name": step.name,
        "script": step.path,
        "statements": step.statements.iter().map(statement_json).collect::<Vec<_>>(),
        "backfill": step.backfill.as_ref().map(backfill_json),
    })
}

fn backfill_json(sampled: &SampledBackfill) -> Value {
    let batch = |batch: &SampledBatch| {
        json!({
            "rows": batch.rows,
            "changed": batch.changed,
            "took_seconds": json::seconds(batch.took),
            "wal_bytes": batch.wal,
            "error": batch.error,
        })
    };
    json!({
        "table": sampled.relation,
        "key": sampled.key,
        "batches": sampled.batches.iter().map(batch).collect::<Vec<_>>(),
        "rows_total": sampled.rows_total,
        "batch_rows": sampled.batch_rows,
        "eta_seconds": sampled.eta().map(json::seconds),
        "wal_bytes": sampled.wal(),
    })
}

fn statement_json(statement: &RehearsedStatement) -> Value {
    let lock = |lock: &TakenLock| json!({ "relation": lock.relation, "table": lock.table, "mode": lock.mode.as_sql(), "blocks": blocks(lock.mode) });
    json!({
        "statement": statement.number,
        "line": statement.line,
        "text": statement.text,
        "took_seconds": json::seconds(statement.took),
        "locks": statement.locks.iter().map(lock).collect::<Vec<_>>(),
        "rewritten": statement.rewritten,
    })
}

fn stopped_json(stopped: &RehearsalStopped) -> Value {
    let mut value = json!({ "message": message(stopped).to_string() });
    let mut put = |key: &str, content: Value| value[key] = content;
    match stopped {
        RehearsalStopped::Refuses { name, left_out } => {
            put("state", json!("refuses_transaction"));
            put("name", json!(name));
            put("left_out", json!(left_out));
        }
        RehearsalStopped::NeedsCommit { name, left_out } => {
            put("state", json!("needs_commit"));
            put("name", json!(name));
            put("left_out", json!(left_out));
        }
        RehearsalStopped::TimeUp { name, limit } => {
            put("state", json!("time_up"));
            put("name", json!(name));
            put("limit_seconds", json::seconds(*limit));
        }
        RehearsalStopped::Failed(failure) => {
            put("state", json!("failed"));
            put("name", json!(failure.name));
            put("failure", json::failure(failure));
        }
    }
    value
}
