//! `drift`.

use super::comparison::ComparisonArgs;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use serde_json::json;

/// Compare the schema with what the applied migrations make
///
/// They are applied on a scratch database beside this one, which is dropped again. Nothing is written here.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit code 4 says that the schema is another one.\n\nExample:\n  drift --ignore 'extension:pg_stat_statements'"
)]
pub(crate) struct Args {
    #[command(flatten)]
    comparison: ComparisonArgs,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let drift = context.migrator.drift(&context.target()?, &self.comparison.comparison()).await?;
        let data = json!({
            "applied": drift.applied,
            "interrupted": drift.interrupted,
            "differences": json::differences(&drift.differences),
        });
        let tone = if drift.is_none() { Tone::Good } else { Tone::Warning };
        let text = drift.to_string();
        let mut lines = text.lines();
        let page = Page::default().toned(lines.next().unwrap_or_default(), tone).lines(lines);
        let exit = if drift.is_none() { Exit::Done } else { Exit::Drift };
        Ok(Answer { exit, ..Answer::done(page, data) })
    }
}
