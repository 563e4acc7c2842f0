//! `history`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::{Attempt, Outcome};
use serde_json::json;

/// Show every attempt to apply, revert or mark a migration
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  history --json | jq '.attempts[] | select(.reason)'")]
pub(crate) struct Args {}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let attempts = context.migrator.attempts(&context.target()?).await?;
        let mut table = Table::new(["#", "migration", "action", "outcome", "at", "run", "by", "reason"]);
        attempts.iter().for_each(|attempt| table.push(row(attempt)));
        let count = match attempts.len() {
            1 => "1 attempt".to_owned(),
            count => format!("{count} attempts"),
        };
        let data = json!({ "attempts": attempts.iter().map(json::attempt).collect::<Vec<_>>() });
        Ok(Answer::done(Page::default().table(table).line(count), data))
    }
}

fn row(attempt: &Attempt) -> [Piece; 8] {
    let tone = if attempt.outcome == Outcome::Done { Tone::Good } else { Tone::Bad };
    let at = humantime::format_rfc3339_seconds(attempt.started_at).to_string();
    let by = match attempt.application.as_str() {
        "" => attempt.by.clone(),
        application => format!("{}, {application}", attempt.by),
    };
    [
        Piece::plain(attempt.number.to_string()),
        Piece::plain(&attempt.name),
        Piece::plain(attempt.action.word()),
        Piece::new(attempt.outcome.to_string(), tone),
        Piece::new(at, Tone::Faint),
        Piece::new(&attempt.run, Tone::Faint),
        Piece::new(by, Tone::Faint),
        Piece::plain(attempt.reason.clone().unwrap_or_default()),
    ]
}
