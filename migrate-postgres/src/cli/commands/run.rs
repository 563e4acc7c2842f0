//! Running a plan and showing its steps, for all commands that take steps.

use super::explained;
use crate::cli::answer::Answer;
use crate::cli::exit::Exit;
use crate::cli::finding;
use crate::cli::json;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::connection::endpoint::Endpoint;
use crate::operate::{ExplainedStep, Explanation};
use crate::{Action, Migrator, Notice, Report, StepReport};
use migrate_core::TransactionMode;
use migrate_core::lint::Finding;
use migrate_core::plan::Plan;
use serde_json::json;

/// Takes or shows the steps of a plan.
pub(super) async fn take(
    migrator: &Migrator,
    target: &Endpoint,
    plan: &dyn Plan,
    dry_run: bool,
) -> Result<Answer, Problem> {
    if dry_run {
        return Ok(shown(&migrator.explain_of(target, plan).await?, Exit::Done));
    }
    let report = migrator.run_plan(target, plan).await?;
    let judgement = migrator.judge(&report);
    let mut answer = done(&report);
    answer.data["report"]["findings"] = explained::findings_json(&judgement.findings, &report);
    answer.data["report"]["approved"] = explained::approved_json(&judgement.approved, &report);
    Ok(Answer { page: answer.page.append(explained::findings_page(&judgement)), ..answer })
}

/// The answer of a run.
pub(super) fn done(report: &Report) -> Answer {
    Answer::done(report_page(report), json!({ "report": json::report(report) }))
}

/// The answer for steps that are not taken.
pub(super) fn shown(steps: &Explanation, exit: Exit) -> Answer {
    let mut table = Table::new(["step", "migration", "runs", "how"]);
    for step in &steps.steps {
        let tone = if step.action == Action::Revert { Tone::Warning } else { Tone::Good };
        table.push([
            Piece::new(step.action.word(), tone),
            Piece::plain(&step.name),
            Piece::plain(work(step.is_code, step.statements.len())),
            Piece::new(mode(step), Tone::Faint),
        ]);
    }
    let data = json!({
        "steps": steps.steps.iter().map(explained::json).collect::<Vec<_>>(),
        "notices": json::notices(&steps.notices),
        "lost": explained::losses_json(steps),
        "findings": steps.findings.iter().map(|of| finding::json(of, name(steps, of))).collect::<Vec<_>>(),
        "approved": steps.approved.iter().map(|of| finding::approved(of, |of| finding::json(of, name(steps, of)))).collect::<Vec<_>>(),
        "running": steps.running.as_ref().map(json::running),
    });
    let page = Page::default().table(table).append(count_page(steps)).append(explained::losses_page(steps));
    Answer { exit, ..Answer::done(page, data) }
}

/// The name of a finding's migration.
fn name<'s>(steps: &'s Explanation, finding: &Finding) -> &'s str {
    steps.steps.iter().find(|step| step.version == finding.version).map_or("", |step| &step.name)
}

/// The number of steps, and the notices.
fn count_page(steps: &Explanation) -> Page {
    let count = match steps.steps.len() {
        0 => "nothing to do".to_owned(),
        1 => "1 step; nothing was changed".to_owned(),
        count => format!("{count} steps; nothing was changed"),
    };
    let page = Page::default().line(count);
    let running = steps.running.as_ref().map(|running| format!("{} {running}", running.name));
    let page = running.into_iter().fold(page, |page, line| page.toned(line, Tone::Warning));
    steps.notices.iter().fold(page, noticed)
}

/// The work of a step: its statements, or code.
fn work(is_code: bool, statements: usize) -> String {
    match statements {
        _ if is_code => "Rust code".to_owned(),
        0 => "nothing".to_owned(),
        1 => "1 statement".to_owned(),
        count => format!("{count} statements"),
    }
}

/// The number of attempts, if there was more than one.
fn attempts(count: u32) -> String {
    if count > 1 { format!("{count} times") } else { String::new() }
}

fn mode(step: &ExplainedStep) -> &'static str {
    match step.transaction {
        None => "records only",
        Some(TransactionMode::None) if step.is_code => "in no transaction",
        Some(TransactionMode::None) => "statement by statement",
        Some(TransactionMode::Own) => "in transactions of its own",
        Some(_) => "in one transaction",
    }
}

/// The steps of a run.
pub(in crate::cli) fn report_page(report: &Report) -> Page {
    let mut table = Table::new(["migration", "result", "ran", "took", "tried"]);
    for step in &report.steps {
        let tone = if step.action == Action::Revert { Tone::Warning } else { Tone::Good };
        table.push([
            Piece::plain(&step.name),
            Piece::new(step.action.past(), tone),
            Piece::plain(work(step.is_code, step.statements)),
            Piece::plain(took(step)),
            Piece::plain(attempts(step.attempts)),
        ]);
    }
    Page::default().steps(table).append(summary_page(report))
}

/// The duration of a step; empty for one that only records.
fn took(step: &StepReport) -> String {
    if step.took.is_zero() { String::new() } else { format!("{:.1?}", step.took) }
}

/// The summary, and each notice on a separate line.
fn summary_page(report: &Report) -> Page {
    let mut told = report.clone();
    told.notices.clear();
    report.notices.iter().fold(Page::default().line(told.to_string()), noticed)
}

pub(super) fn noticed(page: Page, notice: &Notice) -> Page {
    page.toned(format!("notice: {notice}"), Tone::Warning)
}
