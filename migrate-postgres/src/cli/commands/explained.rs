//! The statements of a plan, as text and JSON: what each one locks, what it does to the table, and how large
//! the table is now.

use crate::Report;
use crate::cli::finding;
use crate::cli::page::{Page, Tone};
use crate::operate::{
    ExplainedLock, ExplainedLoss, ExplainedStatement, ExplainedStep, Explanation, HeldLock, RelationSize,
    done,
};
use migrate_core::TransactionMode;
use migrate_core::lint::{Approved, Finding, Judgement, Risk};
use migrate_core::sql::{LockMode, TableScan};
use serde_json::{Value, json};

/// The statements of all steps.
pub(super) fn page(explanation: &Explanation) -> Page {
    let steps = explanation.steps.iter().filter(|step| step.is_code || !step.statements.is_empty());
    steps.fold(Page::default(), |page, step| page.append(step_page(explanation, step)))
}

fn step_page(explanation: &Explanation, step: &ExplainedStep) -> Page {
    let page = Page::default().toned(step.path.as_deref().unwrap_or(&step.name), Tone::Strong);
    let page = match &step.backfill {
        Some(backfill) => page.toned(format!("  {backfill}"), Tone::Faint),
        None => page,
    };
    let page = match step.statements_done {
        0 => page,
        count => page.toned(format!("  resumes after {}", done(count)), Tone::Faint),
    };
    let page = if step.is_code {
        page.toned("  Rust code: its statements are not known before it runs", Tone::Warning)
    } else {
        page
    };
    step.statements.iter().fold(page, |page, statement| {
        let page = page.append(statement_page(statement));
        explanation.findings_in(&step.version, statement.number).fold(page, |page, finding| {
            let line = format!("      {}: {} [{}]", finding.risk, finding.message, finding.rule.id);
            page.prose(line, crate::cli::finding::tone(finding.risk))
        })
    })
}

fn statement_page(statement: &ExplainedStatement) -> Page {
    let page = Page::default().prose(format!("  {}", at_line(statement.line, &statement.text)), Tone::Plain);
    let page = match &statement.locks {
        None => page.toned("      locks: can't be determined from its text", Tone::Warning),
        Some(locks) => locks_page(page, locks),
    };
    statement
        .held
        .iter()
        .fold(page, |page, held| page.prose(format!("      {}", held_since(held)), Tone::Bad))
}

/// The maximum number of relations to list for a statement: a table may have a thousand partitions.
const MOST: usize = 12;

fn locks_page(page: Page, locks: &[ExplainedLock]) -> Page {
    let there: Vec<&ExplainedLock> = locks.iter().filter(|lock| lock.size.is_some()).collect();
    if there.is_empty() {
        return page.toned("      locks no existing table", Tone::Faint);
    }
    let page = there.iter().take(MOST).fold(page, |page, lock| {
        let page = page.prose(format!("      {}", lock_line(lock)), tone(lock));
        lock.note.iter().fold(page, |page, note| page.prose(format!("        {note}"), Tone::Faint))
    });
    match there.len().saturating_sub(MOST) {
        0 => page,
        more => page.toned(format!("      and {more} more relations"), Tone::Warning),
    }
}

/// A lock of an earlier statement that lasts through this one.
fn held_since(held: &HeldLock) -> String {
    let HeldLock { relation, mode, line, .. } = held;
    let since = format!("meanwhile, {relation} is still locked by line {line}, {mode}: {}", meaning(*mode));
    if held.is_defeating {
        format!("{since}; the weaker lock of this statement has no benefit here: run it in a later migration")
    } else {
        since
    }
}

/// The findings in the migrations that a run has applied.
pub(super) fn findings_page(judgement: &Judgement) -> Page {
    let dangerous = judgement.at_least(Risk::Dangerous);
    dangerous.fold(Page::default(), |page, finding| {
        page.prose(finding.to_string(), crate::cli::finding::tone(finding.risk))
    })
}

pub(super) fn findings_json(findings: &[Finding], report: &Report) -> Value {
    findings.iter().map(|finding| finding::json(finding, name_in(report, finding))).collect()
}

pub(super) fn approved_json(approved: &[Approved], report: &Report) -> Value {
    let json = |finding: &Finding| finding::json(finding, name_in(report, finding));
    approved.iter().map(|approved| finding::approved(approved, json)).collect()
}

fn name_in<'r>(report: &'r Report, finding: &Finding) -> &'r str {
    report.steps.iter().find(|step| step.version == finding.version).map_or("", |step| &step.name)
}

/// The losses, at the end.
pub(super) fn losses_page(explanation: &Explanation) -> Page {
    if explanation.losses.is_empty() {
        return Page::default();
    }
    let page = Page::default().toned("lost for good:", Tone::Bad);
    explanation.losses.iter().fold(page, |page, loss| page.prose(format!("  {loss}"), Tone::Bad))
}

pub(super) fn losses_json(explanation: &Explanation) -> Vec<Value> {
    explanation.losses.iter().map(loss_json).collect()
}

fn loss_json(loss: &ExplainedLoss) -> Value {
    json!({
        "kind": loss.kind.word(),
        "name": loss.name,
        "goes_along": loss.goes_along,
        "migration": loss.migration,
        "line": loss.line,
        "size": loss.size.as_ref().map(size_json),
    })
}

fn size_json(size: &RelationSize) -> Value {
    json!({ "relation": size.name, "bytes": size.bytes, "rows": size.rows })
}

/// A statement in a list: its line number and its text on one line, shortened if it is long.
pub(super) fn at_line(line: u32, text: &str) -> String {
    const LONGEST: usize = 80;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    };
    format!("line {line}: {text}")
}

/// A lock: the relation, the mode, and its effect on other sessions.
fn lock_line(lock: &ExplainedLock) -> String {
    let mut line = format!("locks {}, {}: {}", lock.relation, lock.mode, meaning(lock.mode));
    if let Some(scan) = does(lock.scan) {
        line += &format!("; {scan}");
    }
    if let Some(size) = &lock.size {
        line += &format!("; {size}");
    }
    line
}

/// The effect of a held lock on other sessions.
pub(super) fn meaning(mode: LockMode) -> &'static str {
    if mode.blocks_reads() {
        "blocks reads and writes"
    } else if mode.blocks_writes() {
        "blocks writes"
    } else {
        "allows reads and writes"
    }
}

fn does(scan: TableScan) -> Option<&'static str> {
    match scan {
        TableScan::Rows => Some("reads or changes rows"),
        TableScan::Scan => Some("full scan"),
        TableScan::Build => Some("full scan, builds an index"),
        TableScan::Rewrite => Some("rewrites the table"),
        _ => None,
    }
}

/// A lock that blocks others is a warning; one that does so during a scan or a rewrite of the whole table is
/// worse.
fn tone(lock: &ExplainedLock) -> Tone {
    match (lock.mode.blocks_writes(), lock.scan) {
        (true, TableScan::Scan | TableScan::Build | TableScan::Rewrite) => Tone::Bad,
        (true, _) => Tone::Warning,
        (false, _) => Tone::Faint,
    }
}

/// A step of the plan.
pub(super) fn json(step: &ExplainedStep) -> Value {
    let mode = step.transaction.map(|transaction| match transaction {
        TransactionMode::None if step.is_code => "no transaction",
        TransactionMode::None => "statement by statement",
        TransactionMode::Own => "transactions of its own",
        _ => "one transaction",
    });
    let mut value = json!({
        "action": step.action.word(),
        "version": step.version.as_written(),
        "name": step.name,
        "script": step.path,
        "statements": step.statements.len(),
        "statements_done": step.statements_done,
        "mode": mode,
        "explained": step.statements.iter().map(statement_json).collect::<Vec<_>>(),
    });
    if step.is_code {
        value["code"] = true.into();
    }
    if let Some(backfill) = &step.backfill {
        value["backfill"] = json!({ "relation": backfill.relation, "key": backfill.key });
    }
    value
}

fn statement_json(statement: &ExplainedStatement) -> Value {
    let locks = statement.locks.as_ref().map(|locks| locks.iter().map(lock_json).collect::<Vec<_>>());
    json!({
        "statement": statement.number,
        "line": statement.line,
        "column": statement.column,
        "text": statement.text,
        "refuses_transaction": statement.refuses,
        "locks": locks,
        "held": statement.held.iter().map(held_json).collect::<Vec<_>>(),
    })
}

fn held_json(held: &HeldLock) -> Value {
    json!({
        "relation": held.relation,
        "mode": held.mode.as_sql(),
        "blocks": blocks(held.mode),
        "line": held.line,
        "defeats_weaker_lock": held.is_defeating,
    })
}

fn lock_json(lock: &ExplainedLock) -> Value {
    let word = |scan| match scan {
        TableScan::Rows => "rows",
        TableScan::Scan => "scan",
        TableScan::Build => "build",
        TableScan::Rewrite => "rewrite",
        _ => "catalog",
    };
    json!({
        "relation": lock.relation,
        "mode": lock.mode.as_sql(),
        "blocks": blocks(lock.mode),
        "does": word(lock.scan),
        "otherwise": lock.otherwise.map(word),
        "note": lock.note,
        "size": lock.size.as_ref().map(size_json),
    })
}

/// The access that a lock blocks.
pub(super) fn blocks(mode: LockMode) -> &'static str {
    match (mode.blocks_reads(), mode.blocks_writes()) {
        (true, _) => "reads and writes",
        (false, true) => "writes",
        (false, false) => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_one_line_of_a_list() {
        assert_eq!(at_line(3, "ALTER TABLE a\n    ADD b int"), "line 3: ALTER TABLE a ADD b int");
        let long = at_line(1, &"é ".repeat(200));
        assert!(long.ends_with("é…") && long.chars().count() < 100, "{long}");
    }
}
