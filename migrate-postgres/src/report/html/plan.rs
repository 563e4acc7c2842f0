//! The pending section, statement by statement.

use super::text::{count, name, shown};
use super::{Tone, badge, section as framed};
use crate::operate::{ExplainedLock, ExplainedStatement, ExplainedStep, Explanation, HeldLock, done};
use crate::report::DatabaseReport;
use crate::{Action, MigrationStatus};
use maud::{Markup, html};
use migrate_core::lint::{Finding, Risk};
use migrate_core::sql::TransactionMode;
use migrate_core::sql::{LockMode, TableScan};

/// The number of steps shown open.
const OPEN: usize = 6;

/// Statements with more lines are folded.
const LONG: usize = 24;

pub(super) fn section(report: &DatabaseReport) -> Markup {
    let notes = notes(report);
    let content = html! {
        @if !notes.is_empty() {
            ul.notes { @for note in &notes { li { (shown(note)) } } }
        }
        @match &report.pending {
            Ok(plan) if plan.is_empty() => p.nothing { "There is nothing to do." },
            Ok(plan) => { (steps(plan)) (losses(plan)) }
            Err(refused) => div.verdict.bad { @for line in refused.to_string().lines() { p { (shown(line)) } } },
        }
    };
    let note = match &report.pending {
        Ok(plan) if plan.is_empty() => String::new(),
        Ok(plan) => {
            format!("{} in the order of a run", count(plan.steps.len(), "step"))
        }
        Err(_) => "a run would change nothing".to_owned(),
    };
    framed("pending", "Pending", &note, &content)
}

/// Notices, which do not stop a run.
fn notes(report: &DatabaseReport) -> Vec<String> {
    let notices = report.pending.iter().flat_map(|plan| &plan.notices).map(ToString::to_string);
    let rows = report.status.rows.iter().filter_map(|row| match &row.state {
        MigrationStatus::Applied { unknown: true, .. } => {
            Some(format!("{} is applied, but missing from the set", row.name))
        }
        MigrationStatus::Applied { edited: true, .. } => {
            Some(format!("{} was edited after it was applied", row.name))
        }
        MigrationStatus::Backfilling { backfill, .. } => {
            let error = backfill.error.iter().map(|error| format!(": {error}"));
            Some(format!("{}: {}{}", row.name, row.state, error.collect::<String>()))
        }
        MigrationStatus::Running(running) => Some(format!("{} {running}", row.name)),
        MigrationStatus::Outdated { .. } => {
            Some(format!("{} has changed since it was applied, and will be applied again", row.name))
        }
        _ => None,
    });
    notices.chain(rows).collect()
}

fn steps(plan: &Explanation) -> Markup {
    html! { @for (index, each) in plan.steps.iter().enumerate() { (step(plan, each, index < OPEN)) } }
}

/// The losses.
fn losses(plan: &Explanation) -> Markup {
    html! {
        @if !plan.losses.is_empty() {
            div.verdict.bad {
                p { "Lost for good:" }
                @for loss in &plan.losses { p { (shown(&loss.to_string())) } }
            }
        }
    }
}

fn committed(step: &ExplainedStep) -> &'static str {
    match step.transaction {
        Some(TransactionMode::None) if step.is_code => "in no transaction",
        Some(TransactionMode::None) => "statement by statement",
        Some(TransactionMode::Own) => "in transactions of its own",
        _ => "in one transaction",
    }
}

fn step(plan: &Explanation, step: &ExplainedStep, is_open: bool) -> Markup {
    let tone = if step.action == Action::Revert { Tone::Warning } else { Tone::Plain };
    let locks = || step.statements.iter().flat_map(|statement| statement.locks.iter().flatten());
    let worst = locks().filter(|lock| lock.size.is_some()).map(|lock| lock.mode).max();
    let is_rewritten = locks().any(|lock| lock.scan == TableScan::Rewrite && lock.size.is_some());
    html! {
        details.card open[is_open] {
            summary {
                span.title { (badge(tone, step.action.word())) " " strong { (name(&step.name)) } }
                span.aside {
                    @match &step.path {
                        Some(path) => {
                            (name(path)) " · "
                            @if step.is_code { "Rust code, " } @else { (count(step.statements.len(), "statement")) ", " }
                            @if step.statements_done > 0 { "resumes after " (done(step.statements_done)) ", " }
                            (committed(step))
                            @if let Some(backfill) = &step.backfill { ", " (shown(&backfill.to_string())) }
                        }
                        None => "records only, runs nothing",
                    }
                }
                span.badges {
                    @if let Some(mode) = worst { (blocked(mode)) }
                    @if is_rewritten { (badge(Tone::Bad, "rewrites a table")) }
                }
            }
            @if step.is_code { p.nothing { "Its statements are not known before it runs." } }
            ol.statements { @for each in &step.statements { (statement(plan, step, each)) } }
        }
    }
}

/// The access that a lock blocks.
fn blocked(mode: LockMode) -> Markup {
    html! {
        @if mode.blocks_reads() { (badge(Tone::Bad, "blocks reads and writes")) }
        @else if mode.blocks_writes() { (badge(Tone::Warning, "blocks writes")) }
    }
}

fn statement(plan: &Explanation, step: &ExplainedStep, statement: &ExplainedStatement) -> Markup {
    let code = html! { pre { code dir="ltr" { (shown(&statement.text)) } } };
    let lines = statement.text.lines().count();
    html! {
        li {
            p.place {
                "Statement " (statement.number) ", line " (statement.line)
                @if let Some(command) = statement.refuses { " · " (command) " runs outside of a transaction" }
            }
            @if lines > LONG {
                details.long { summary { (lines) " lines" } (code) }
            } @else { (code) }
            @match &statement.locks {
                None => p.aside { "Its locks can't be determined from its text." },
                Some(locks) if locks.is_empty() => p.aside { "It locks no existing table." },
                Some(locks) => ul.locks { @for each in locks { (lock(each)) } },
            }
            @for finding in plan.findings_in(&step.version, statement.number) { (finding_of(finding)) }
            @for approved in plan.approved_in(&step.version, statement.number) {
                p.aside { "Accepted: " (approved.finding.rule.id) @if let Some(reason) = &approved.reason { ": " (shown(reason)) } }
            }
            @if !statement.held.is_empty() { ul.locks { @for each in &statement.held { (held(each)) } } }
        }
    }
}

/// A finding: the risk, the effect, the safe way.
fn finding_of(finding: &Finding) -> Markup {
    let tone = match finding.risk {
        Risk::VeryRisky => Tone::Bad,
        Risk::Dangerous => Tone::Warning,
        _ => Tone::Plain,
    };
    html! {
        p.finding {
            (badge(tone, finding.risk.word())) " " (shown(&finding.message)) " "
            span.aside { (finding.rule.id) ". " (finding.safe) }
        }
    }
}

/// A lock of an earlier statement of the same transaction.
fn held(lock: &HeldLock) -> Markup {
    html! {
        li {
            code { (name(&lock.relation)) }
            span.mode { (lock.mode) }
            (blocked(lock.mode))
            span.aside {
                "held since line " (lock.line)
                @if lock.is_defeating { "; the weaker lock of this statement has no benefit here" }
            }
        }
    }
}

fn lock(lock: &ExplainedLock) -> Markup {
    html! {
        li {
            code { (name(&lock.relation)) }
            span.mode { (lock.mode) }
            @if lock.size.is_some() { (blocked(lock.mode)) }
            @match lock.scan {
                TableScan::Catalog => {}
                TableScan::Rewrite => (badge(Tone::Bad, "rewritten")),
                TableScan::Scan | TableScan::Build => (badge(Tone::Warning, &lock.scan.to_string())),
                scan => (badge(Tone::Plain, &scan.to_string())),
            }
            span.aside {
                @match &lock.size { Some(size) => (size), None => "does not exist yet" }
                @if let Some(note) = &lock.note { "; " (shown(note)) }
            }
        }
    }
}
