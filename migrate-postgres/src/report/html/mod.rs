//! The page: data in, HTML out.

mod assertions;
mod drift;
mod head;
mod history;
mod plan;
mod tables;
mod text;

pub(super) use text::{count, shown};

use super::DatabaseReport;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The whole document. It loads nothing and runs no script: its policy forbids both, whatever its content.
pub(super) fn page(report: &DatabaseReport) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (shown(&report.database)) ": " (report.health()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                (head::head(report))
                main #content {
                    (plan::section(report))
                    @if let Some(drift) = &report.drift { (drift::section(drift)) }
                    @if let Some(reason) = &report.drift_unknown { (drift::unknown(reason)) }
                    @if !report.assertions.results.is_empty() { (assertions::section(&report.assertions)) }
                    (history::section(&report.attempts, &report.accepted))
                    (tables::section(&report.diagram))
                }
                footer { "Made by migrate-postgres " (env!("CARGO_PKG_VERSION")) ". Nothing was changed." }
            }
        }
    };
    document.into_string()
}

/// A section with its heading.
fn section(id: &str, heading: &str, note: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-heading" } {
            div.heading {
                h2 id={ (id) "-heading" } { (heading) }
                @if !note.is_empty() { p.note { (note) } }
            }
            (content)
        }
    }
}

/// A word with a color of the same meaning.
fn badge(tone: Tone, text: &str) -> Markup {
    html! { span.badge.(tone.class()) { (text) } }
}

/// The meaning that determines the color. The words always say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Good => "good",
            Tone::Warning => "warning",
            Tone::Bad => "bad",
        }
    }
}
