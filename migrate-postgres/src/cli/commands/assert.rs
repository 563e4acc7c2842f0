//! `assert`.

use crate::assertion::{AssertionOutcome, AssertionResult, Assertions, SkipReason};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json::seconds;
use crate::cli::options::unused;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use serde_json::{Value, json};

/// Check that the assertions hold
///
/// Runs the queries of the folder `assertions`, in the migrations folder or beside it, each in a read-only
/// transaction. A query must return no row, or a single true.
#[derive(Clone, Debug, clap::Args)]
#[command(args = unused(&["statement_timeout", "lock_timeout"]), after_help = "Example:\n  migrate up && migrate assert")]
pub(crate) struct Args {}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let assertions = context.migrator.assert(&context.target()?).await?;
        Ok(Answer { exit: exit(&assertions), ..Answer::done(page(&assertions), json(&assertions)) })
    }
}

/// The exit code of the results.
pub(in crate::cli) fn exit(assertions: &Assertions) -> Exit {
    if assertions.hold() { Exit::Done } else { Exit::Untrue }
}

/// The results for people.
pub(in crate::cli) fn page(assertions: &Assertions) -> Page {
    let mut table = Table::new(["assertion", "result", "took"]);
    for result in &assertions.results {
        let took = if result.took.is_zero() { String::new() } else { format!("{:.1?}", result.took) };
        let word = result.outcome.word().replace('_', " ");
        table.push([
            Piece::plain(&result.name),
            Piece::new(word, tone(&result.outcome)),
            Piece::new(took, Tone::Faint),
        ]);
    }
    let tone = if assertions.hold() { Tone::Good } else { Tone::Bad };
    Page::default()
        .table(table)
        .lines(assertions.broken().map(ToString::to_string))
        .toned(assertions.summary(), tone)
}

fn tone(outcome: &AssertionOutcome) -> Tone {
    match outcome {
        AssertionOutcome::Passed => Tone::Good,
        AssertionOutcome::Skipped { .. } => Tone::Faint,
        _ => Tone::Bad,
    }
}

/// The results for programs.
pub(in crate::cli) fn json(assertions: &Assertions) -> Value {
    json!({
        "assertions": assertions.results.iter().map(result).collect::<Vec<_>>(),
        "passed": assertions.passed(),
        "broken": assertions.broken().count(),
        "skipped": assertions.skipped(),
    })
}

fn result(result: &AssertionResult) -> Value {
    let mut value = json!({
        "name": result.name,
        "path": result.path,
        "result": result.outcome.word(),
        "took_seconds": seconds(result.took),
    });
    if let Some((line, column)) = result.outcome.place() {
        (value["line"], value["column"]) = (json!(line), json!(column));
    }
    match &result.outcome {
        AssertionOutcome::Passed => {}
        AssertionOutcome::Failed { rows, columns, key, keys, .. } => {
            (value["rows"], value["columns"]) = (json!(rows), json!(columns));
            (value["key"], value["keys"]) = (json!(key), json!(keys));
        }
        AssertionOutcome::Skipped { reason: SkipReason::NotYet { version } } => {
            value["since"] = json!(version);
        }
        AssertionOutcome::Skipped { reason: SkipReason::NoLonger { version } } => {
            value["until"] = json!(version);
        }
        AssertionOutcome::TimedOut { limit, .. } => value["limit_seconds"] = seconds(*limit),
        AssertionOutcome::Error { sqlstate, message, .. } => {
            (value["sqlstate"], value["message"]) = (json!(sqlstate), json!(message));
        }
    }
    value
}
