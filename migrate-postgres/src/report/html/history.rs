//! The history section: all attempts, run by run, the latest first.

use super::text::{count, name, rfc3339, shown, time, time_of_day};
use super::{Tone, badge, section as framed};
use crate::display::units::Time;
use crate::report::AcceptedRule;
use crate::{Action, Attempt, AttemptOutcome};
use maud::{Markup, html};
use std::time::Duration;

/// The number of recent runs shown; earlier ones are folded by month.
const RUNS: usize = 24;

/// The number of recent runs shown open. Failed runs are open too; a run with more than `LONG` attempts is
/// not.
const OPEN: usize = 3;
const LONG: usize = 60;

pub(super) fn section(attempts: &[Attempt], accepted: &[AcceptedRule]) -> Markup {
    let mut runs: Vec<&[Attempt]> =
        attempts.chunk_by(|a, b| a.run == b.run && a.program == b.program).collect();
    runs.reverse();
    let longest = attempts.iter().filter_map(|attempt| attempt.took).max().unwrap_or_default();
    let (late, early) = runs.split_at(runs.len().min(RUNS));
    let content = html! {
        @if runs.is_empty() { p.nothing { "There are no attempts yet." } }
        @for (index, each) in late.iter().enumerate() { (run(each, accepted, index < OPEN, longest)) }
        @for month in early.chunk_by(|a, b| month_of(a) == month_of(b)) { (folded(month, accepted, longest)) }
    };
    let note = match runs.len() {
        0 => String::new(),
        _ => {
            format!("{} in {}, the latest first", count(attempts.len(), "attempt"), count(runs.len(), "run"))
        }
    };
    framed("history", "History", &note, &content)
}

/// The month that a run began in: `2026-11`.
fn month_of(run: &[Attempt]) -> String {
    rfc3339(run[0].started_at)[..7].to_owned()
}

fn folded(runs: &[&[Attempt]], accepted: &[AcceptedRule], longest: Duration) -> Markup {
    let attempts: usize = runs.iter().map(|run| run.len()).sum();
    html! {
        details.month {
            summary {
                strong { (month_of(runs[0])) }
                span.aside { (count(runs.len(), "run")) ", " (count(attempts, "attempt")) }
                (troubles(runs.iter().copied().flatten()))
            }
            @for each in runs { (run(each, accepted, false, longest)) }
        }
    }
}

/// The number of attempts that failed or did not end.
fn troubles<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Markup {
    let (mut failed, mut unfinished) = (0, 0);
    for attempt in attempts {
        match label(attempt).tone {
            Tone::Bad
                if matches!(
                    attempt.outcome,
                    AttemptOutcome::Unfinished { .. } | AttemptOutcome::Interrupted { .. }
                ) =>
            {
                unfinished += 1;
            }
            Tone::Bad => failed += 1,
            _ => {}
        }
    }
    html! {
        @if failed > 0 { (badge(Tone::Bad, &format!("{failed} failed"))) }
        @if unfinished > 0 { (badge(Tone::Bad, &format!("{unfinished} unfinished"))) }
    }
}

/// One run: a deployment, or a command in a terminal.
fn run(attempts: &[Attempt], accepted: &[AcceptedRule], is_open: bool, longest: Duration) -> Markup {
    let first = &attempts[0];
    let took: Duration = attempts.iter().filter_map(|attempt| attempt.took).sum();
    let is_well = attempts.iter().all(|attempt| label(attempt).tone != Tone::Bad);
    html! {
        details.card.run open[(is_open || !is_well) && attempts.len() <= LONG] {
            summary {
                span.title { strong { (time(first.started_at)) } }
                span.aside { (by(first)) }
                span.badges { (sums(attempts)) (troubles(attempts.iter())) @if !took.is_zero() { span.aside { (Time(took)) } } }
            }
            table {
                caption.hidden { "Run " (shown(&first.run)) }
                thead { tr { th scope="col" { "Migration" } th scope="col" { "Outcome" } th.took scope="col" { "Took" } } }
                tbody { @for each in attempts { (row(each, accepted, longest)) } }
            }
            @if !first.run.is_empty() { p.aside.run-id { "Run " code { (name(&first.run)) } } }
        }
    }
}

fn by(attempt: &Attempt) -> Markup {
    html! {
        (name(&attempt.program))
        @if !attempt.by.is_empty() { @if !attempt.program.is_empty() { " " } "by " (name(&attempt.by)) }
        @if !attempt.application.is_empty() { ", " (name(&attempt.application)) }
        @if let Some(address) = &attempt.address { ", from " (name(host(address))) }
    }
}

/// An address without its prefix length, if that covers the whole address.
fn host(address: &str) -> &str {
    address.strip_suffix("/32").or(address.strip_suffix("/128")).unwrap_or(address)
}

/// The successful attempts, counted by action.
fn sums(attempts: &[Attempt]) -> Markup {
    let mut counts: Vec<(&'static str, Tone, usize)> = Vec::new();
    for label in attempts.iter().map(label).filter(|label| label.tone != Tone::Bad) {
        match counts.iter_mut().find(|(word, ..)| *word == label.word) {
            Some((.., count)) => *count += 1,
            None => counts.push((label.word, label.tone, 1)),
        }
    }
    html! { @for (word, tone, count) in counts { (badge(tone, &format!("{count} {word}"))) } }
}

/// An outcome in a word.
struct OutcomeLabel {
    word: &'static str,
    tone: Tone,
}

fn label(attempt: &Attempt) -> OutcomeLabel {
    let (word, tone) = match &attempt.outcome {
        AttemptOutcome::Done if attempt.action == Action::Apply => ("applied", Tone::Good),
        AttemptOutcome::Done if attempt.action == Action::Rewind => ("set to resume", Tone::Warning),
        AttemptOutcome::Done => (attempt.action.past(), Tone::Warning),
        // The first release recorded a migration that was set to resume like this.
        AttemptOutcome::Failed { message, .. } if message.is_empty() && attempt.reason.is_some() => {
            ("set to resume", Tone::Warning)
        }
        AttemptOutcome::Failed { .. } => ("failed", Tone::Bad),
        AttemptOutcome::Unfinished { .. } => ("unfinished", Tone::Bad),
        AttemptOutcome::Interrupted { .. } => ("interrupted", Tone::Bad),
    };
    OutcomeLabel { word, tone }
}

fn row(attempt: &Attempt, accepted: &[AcceptedRule], longest: Duration) -> Markup {
    let OutcomeLabel { word, tone } = label(attempt);
    let detail = detail(attempt, accepted);
    html! {
        tr.with-detail[!detail.is_empty()] {
            th scope="row" {
                span.migration { (name(&attempt.name)) }
                span.aside {
                    "#" (attempt.number)
                    @if attempt.action != Action::Apply { " · " (attempt.action.word()) }
                    " · " (time_of_day(attempt.started_at))
                }
            }
            td.badges {
                (badge(tone, word))
                @if attempt.reason.is_some() { (badge(Tone::Warning, "by hand")) }
                @if let Some(warnings) = nonzero(attempt.warnings) { (badge(Tone::Warning, &count(warnings, "warning"))) }
                @if let Some(notices) = nonzero(attempt.notices) { span.aside { (count(notices, "notice")) } }
            }
            td.took {
                @match attempt.took {
                    // A failure is recorded after the transaction that took the time is gone.
                    Some(took) if took.is_zero() => span.aside { "not timed" },
                    Some(took) => { (Time(took)) (bar(took, longest, tone)) }
                    None => span.aside { "not ended" },
                }
            }
        }
        @if !detail.is_empty() {
            tr.detail { td colspan="3" { @for (tone, line) in &detail { p.(tone.class()) { (shown(line)) } } } }
        }
    }
}

/// The number of messages from the server, if there were any.
fn nonzero(messages: Option<i32>) -> Option<usize> {
    messages.and_then(|messages| usize::try_from(messages).ok()).filter(|messages| *messages > 0)
}

/// A bar: how long it took compared with the longest.
fn bar(took: Duration, longest: Duration, tone: Tone) -> Markup {
    let share = if longest.is_zero() { 0.0 } else { took.as_secs_f64() / longest.as_secs_f64() * 100.0 };
    html! {
        svg.bar viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="6" {}
            rect.(tone.class()) width=(format!("{:.1}", share.max(1.0))) height="6" {}
        }
    }
}

/// Details beside the outcome.
fn detail(attempt: &Attempt, accepted: &[AcceptedRule]) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    match &attempt.outcome {
        AttemptOutcome::Failed {
            message, detail, hint, sqlstate, statement, line, statements_done, ..
        } if !message.is_empty() => {
            let place = match (statement, line) {
                (Some(statement), Some(line)) => format!("Statement {statement}, line {line}: "),
                (Some(statement), None) => format!("Statement {statement}: "),
                _ => String::new(),
            };
            let code = sqlstate.as_ref().map_or_else(String::new, |sqlstate| format!(" ({sqlstate})"));
            lines.push(format!("{place}{message}{code}"));
            lines.extend(detail.as_ref().map(|detail| format!("Detail: {detail}")));
            lines.extend(hint.as_ref().map(|hint| format!("Hint: {hint}")));
            if let Some(done) = statements_done.filter(|done| *done > 0) {
                lines.push(format!("{} committed.", count(usize::try_from(done).unwrap_or(0), "statement")));
            }
        }
        AttemptOutcome::Unfinished { statements_done, statements }
        | AttemptOutcome::Interrupted { message: None, statements_done: Some(statements_done), statements }
            if *statements > 0 =>
        {
            lines.push(format!("{statements_done} of {statements} statements are done."));
        }
        AttemptOutcome::Interrupted { message: Some(message), .. } => {
            lines.push(format!("In doubt: {message}"));
        }
        _ => {}
    }
    let lines = lines.into_iter().map(|line| (Tone::Bad, line));
    let reason = attempt.reason.as_ref().map(|reason| (Tone::Warning, format!("By hand: {reason}")));
    let accepted =
        accepted.iter().filter(|of| attempt.action == Action::Apply && of.migration == attempt.name);
    let accepted = accepted.map(|of| (Tone::Warning, format!("Accepted: {of}")));
    lines.chain(reason).chain(accepted).collect()
}
