//! The heading: the database and the verdict.

use super::Tone;
use super::text::{count, name, shown, time};
use crate::display::units::Bytes;
use crate::report::health::stopped;
use crate::report::{DatabaseHealth, DatabaseReport};
use crate::{AttemptOutcome, MigrationStatus, StatusRow};
use maud::{Markup, html};
use migrate_core::advice::{Advice, Again, NextStep, Words};
use migrate_core::engine::error::Failure;

pub(super) fn head(report: &DatabaseReport) -> Markup {
    html! {
        header.page {
            p.eyebrow { "Database report, " (time(report.made_at)) }
            h1 { (name(&report.database)) }
            p.url { code { (name(&report.url)) } }
            (verdict(report))
            (facts(report))
            (contents(report))
        }
    }
}

fn verdict(report: &DatabaseReport) -> Markup {
    let health = report.health();
    let drifted = report.drift.as_ref().filter(|drift| !drift.is_none());
    let tone = match health {
        _ if !report.assertions.hold() => Tone::Bad,
        DatabaseHealth::UpToDate if drifted.is_none() && report.drift_unknown.is_none() => Tone::Good,
        DatabaseHealth::UpToDate | DatabaseHealth::Pending => Tone::Warning,
        _ => Tone::Bad,
    };
    html! {
        div.verdict.(tone.class()) {
            p.what { (headline(report, health)) }
            @for line in story(report, health) { p { (shown(&line)) } }
            @if let Some(drift) = drifted {
                p { "The schema differs from the applied migrations: " a href="#drift" { (count(drift.differences.len(), "difference")) } "." }
            }
            @if !report.assertions.hold() {
                p { a href="#assertions" { (count(report.assertions.broken().count(), "assertion")) } " not true." }
            }
            @if report.drift_unknown.is_some() {
                p { "Drift from the applied migrations " a href="#drift" { "is unknown" } "." }
            }
        }
    }
}

fn headline(report: &DatabaseReport, health: DatabaseHealth) -> Markup {
    let pending = report.status.pending().count();
    let who = stopped(&report.status).map(|row| name(&row.name));
    html! {
        @match (health, who) {
            (DatabaseHealth::Failed, Some(who)) => { (who) " failed" }
            (DatabaseHealth::InDoubt, Some(who)) => { (who) " is in doubt" }
            (DatabaseHealth::UpToDate, _) => "Up to date",
            (DatabaseHealth::Pending, _) => { (count(pending, "migration")) " pending" },
            _ => "A run would be refused",
        }
    }
}

/// The details behind the headline, and the advice.
fn story(report: &DatabaseReport, health: DatabaseHealth) -> Vec<String> {
    let mut lines = match (health, stopped(&report.status)) {
        (DatabaseHealth::Failed | DatabaseHealth::InDoubt, Some(row)) => stopped_story(row),
        (DatabaseHealth::UpToDate, _) => vec![match report.applied() {
            0 => "The set has no migrations, and none is applied.".to_owned(),
            1 => "The one migration of the set is applied.".to_owned(),
            applied => format!("All {applied} migrations are applied."),
        }],
        _ => Vec::new(),
    };
    if let Err(refused) = &report.pending {
        lines.extend(refused.to_string().lines().map(str::to_owned));
    }
    lines
}

fn stopped_story(row: &StatusRow) -> Vec<String> {
    let mut lines = Vec::new();
    let last = match &row.state {
        MigrationStatus::Pending { last } | MigrationStatus::Interrupted { last, .. } => last.as_ref(),
        _ => None,
    };
    match last {
        // `resolve` records this for a migration that will resume.
        Some(AttemptOutcome::Failed { message, .. }) if message.is_empty() => {}
        Some(AttemptOutcome::Failed { message, detail, hint, statement, line, .. }) => {
            let place = match (statement, line) {
                (Some(statement), Some(line)) => format!("Statement {statement}, line {line}: "),
                _ => String::new(),
            };
            lines.push(format!("{place}{message}"));
            lines.extend(detail.as_ref().map(|detail| format!("Detail: {detail}")));
            lines.extend(hint.as_ref().map(|hint| format!("Hint: {hint}")));
        }
        Some(AttemptOutcome::Unfinished { .. } | AttemptOutcome::Interrupted { .. }) => {
            lines.push("Its run was killed or lost its connection.".to_owned());
        }
        _ => {}
    }
    match &row.state {
        MigrationStatus::Interrupted { statements_done: done, reverting, .. } => {
            let (s, are) = if *done == 1 { ("", "is") } else { ("s", "are") };
            let of = if *reverting { " of its down script" } else { "" };
            let again = |again: Again| Advice::NONE.then(NextStep::Again(again)).text(Words::CommandLine);
            let (resumes, finds_out) = match reverting {
                true => (again(Again::RevertStatement), again(Again::RevertFindsOut)),
                false => (again(Again::ThisStatement), again(Again::FindsOut)),
            };
            let (rest, advice) = match (last, row.failure(None)) {
                (Some(AttemptOutcome::Failed { message, .. }), _) if message.is_empty() => {
                    ("is the next to be run", format!("Next: {resumes}."))
                }
                (_, Some(failure)) => ("is not", format!("{}; or settle it with resolve.", next(&failure))),
                _ => (
                    "may or may not have been done",
                    format!("Next: {finds_out}. If it can't tell, settle the migration with resolve."),
                ),
            };
            lines.push(format!(
                "{done} statement{s}{of} {are} done and committed; statement {} {rest}.",
                done + 1
            ));
            lines.push(advice);
        }
        _ => {
            lines.push("It left nothing behind.".to_owned());
            lines.push(match row.failure(None) {
                Some(failure) => format!("{}.", next(&failure)),
                None => "Next: run again.".to_owned(),
            });
        }
    }
    lines
}

fn next(failure: &Failure) -> String {
    format!("Next: {}", failure.advice().text(Words::CommandLine))
}

fn facts(report: &DatabaseReport) -> Markup {
    let failures = report.failures();
    // Packagers append their own version: `15.18 (Debian 15.18-0+deb12u1)`.
    let version = report.server_version.split(" (").next().unwrap_or_default();
    html! {
        dl.facts {
            (fact("Set", &name(&report.status.set)))
            (fact("Applied", &html! { (report.applied()) }))
            (fact("Pending", &html! { (report.status.pending().count()) }))
            (fact("Attempts", &html! {
                (report.attempts.len())
                @if failures > 0 { " " span.aside { "(" (failures) " failed or unfinished)" } }
            }))
            (fact("Tables", &html! { (report.diagram.tables.len()) }))
            (fact("Size", &html! { (Bytes(report.bytes)) }))
            (fact("PostgreSQL", &html! { (shown(version)) }))
        }
    }
}

fn fact(what: &str, value: &Markup) -> Markup {
    html! { div { dt { (what) } dd { (value) } } }
}

fn contents(report: &DatabaseReport) -> Markup {
    html! {
        nav aria-label="Sections" {
            a href="#pending" { "Pending" }
            @if report.drift.is_some() || report.drift_unknown.is_some() { a href="#drift" { "Drift" } }
            @if !report.assertions.results.is_empty() { a href="#assertions" { "Assertions" } }
            a href="#history" { "History" }
            a href="#tables" { "Tables" }
        }
    }
}
