//! The drift section.

use super::text::{count, name, shown};
use super::{Tone, badge, section as framed};
use crate::schema::catalog::{Change, Difference};
use crate::schema::drift::Drift;
use maud::{Markup, html};

/// The number of differences shown open.
const OPEN: usize = 20;

pub(super) fn section(drift: &Drift) -> Markup {
    let content = html! {
        @if let Some(migration) = &drift.interrupted {
            p { (name(migration)) " was interrupted: the differences include its effects so far." }
        }
        @if drift.is_none() {
            p.nothing { "The schema matches " (applied(drift.applied)) "." }
        } @else {
            @for (index, each) in drift.differences.iter().enumerate() { (difference(each, index < OPEN)) }
        }
    };
    let note = match drift.differences.len() {
        0 => String::new(),
        differences => format!(
            "{} from {}; `added` is only in the database, `removed` only in the migrations",
            count(differences, "difference"),
            applied(drift.applied)
        ),
    };
    framed("drift", "Drift", &note, &content)
}

/// The reason why the drift is unknown.
pub(super) fn unknown(reason: &str) -> Markup {
    let content = html! {
        p { "Drift is unknown: " (shown(reason)) }
        p { "Without a scratch database, " code { "drift --kept" } " compares with the schema that the last run recorded." }
    };
    framed("drift", "Drift", "", &content)
}

fn applied(applied: usize) -> String {
    match applied {
        1 => "the applied migration".to_owned(),
        applied => format!("the {applied} applied migrations"),
    }
}

fn difference(difference: &Difference, is_open: bool) -> Markup {
    let tone = match difference.change {
        Change::Added => Tone::Good,
        Change::Removed => Tone::Bad,
        _ => Tone::Warning,
    };
    html! {
        details.card open[is_open] {
            summary {
                span.title { (badge(tone, &difference.change.to_string())) " " strong { (name(&difference.object.to_string())) } }
            }
            @if !difference.diff.is_empty() {
                pre.diff { code dir="ltr" { @for each in difference.diff.lines() { (line(each)) "\n" } } }
            }
        }
    }
}

fn line(line: &str) -> Markup {
    html! {
        @match line.as_bytes().first() {
            Some(b'+') => ins { (shown(line)) },
            Some(b'-') => del { (shown(line)) },
            _ => (shown(line)),
        }
    }
}
