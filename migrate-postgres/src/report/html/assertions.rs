//! The assertions section.

use super::text::{name, shown};
use super::{Tone, badge, section as framed};
use crate::assertion::{AssertionOutcome, AssertionResult, Assertions};
use maud::{Markup, html};

pub(super) fn section(assertions: &Assertions) -> Markup {
    let content = html! {
        @for result in &assertions.results { (card(result)) }
    };
    framed("assertions", "Assertions", &assertions.summary(), &content)
}

fn card(result: &AssertionResult) -> Markup {
    let tone = match &result.outcome {
        AssertionOutcome::Passed => Tone::Good,
        AssertionOutcome::Skipped { .. } => Tone::Plain,
        _ => Tone::Bad,
    };
    let found = result.outcome.to_string();
    html! {
        details.card open[result.outcome.is_broken()] {
            summary {
                span.title { (badge(tone, &result.outcome.word().replace('_', " "))) " " strong { (name(&result.name)) } }
            }
            p { code { (name(&place(result))) } }
            @if !found.is_empty() { p { (shown(&found)) } }
        }
    }
}

fn place(result: &AssertionResult) -> String {
    match result.outcome.place() {
        Some((line, column)) => format!("{}:{line}:{column}", result.path),
        None => result.path.clone(),
    }
}
