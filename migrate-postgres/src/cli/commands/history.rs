//! `history`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::options::unused_of_all;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::{Attempt, AttemptOutcome};
use serde_json::json;

/// Show every attempt to apply, revert or mark a migration
#[derive(Clone, Debug, clap::Args)]
#[command(args = unused_of_all(&["database_url", "service", "json", "color", "history"]), after_help = "Example:\n  migrate history --json | jq '.attempts[] | select(.reason)'")]
pub(crate) struct Args {}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let migrator = &context.migrator;
        let snapshot = migrator.snapshot(&context.target()?).await?;
        let (attempts, accepted) = (&snapshot.attempts, migrator.accepted(&snapshot));
        let mut table = Table::new(["#", "migration", "outcome", "at", "run", "by", "messages", "reason"]);
        attempts.iter().for_each(|attempt| table.push(row(attempt)));
        let count = match attempts.len() {
            1 => "1 attempt".to_owned(),
            count => format!("{count} attempts"),
        };
        let data = json!({ "attempts": attempts.iter().map(|attempt| json::attempt(attempt, &accepted)).collect::<Vec<_>>() });
        Ok(Answer::done(Page::default().table(table).line(count), data))
    }
}

fn row(attempt: &Attempt) -> [Piece; 8] {
    let tone = if attempt.outcome == AttemptOutcome::Done { Tone::Good } else { Tone::Bad };
    let by = match attempt.application.as_str() {
        "" => &attempt.by,
        application => application,
    };
    [
        Piece::plain(attempt.number.to_string()),
        Piece::plain(&attempt.name),
        Piece::new(what(attempt), tone),
        Piece::time(attempt.started_at),
        Piece::new(short(&attempt.run), Tone::Faint),
        Piece::new(by, Tone::Faint),
        messages(attempt),
        Piece::plain(attempt.reason.clone().unwrap_or_default()),
    ]
}

/// The number of messages from the server, if it is known and not zero.
fn messages(attempt: &Attempt) -> Piece {
    let count = |count: Option<i32>, what: &str| match count {
        None | Some(0) => None,
        Some(1) => Some(format!("1 {what}")),
        Some(count) => Some(format!("{count} {what}s")),
    };
    let warnings = count(attempt.warnings, "warning");
    let tone = if warnings.is_some() { Tone::Warning } else { Tone::Faint };
    let texts: Vec<String> = warnings.into_iter().chain(count(attempt.notices, "notice")).collect();
    Piece::new(texts.join(", "), tone)
}

/// The action, or the outcome of a failed attempt.
fn what(attempt: &Attempt) -> String {
    match &attempt.outcome {
        AttemptOutcome::Done => attempt.action.past().to_owned(),
        outcome => format!("{} {outcome}", attempt.action.word()),
    }
}

/// The beginning of a run's id, which identifies the run, and which `down --deployment=` takes.
fn short(run: &str) -> &str {
    run.get(..8).unwrap_or(run)
}
