//! `verify`.

use crate::Error;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use serde_json::json;

/// Check applied migrations: compare checksums and run verify scripts
///
/// Each script runs in a read-only transaction that is rolled back. The first script that fails is an error.
#[derive(Clone, Debug, clap::Args)]
#[command(args = unused(&["history"]), after_help = "Example:\n  migrate verify && deploy")]
pub(crate) struct Args {}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let ran = context.migrator.verify(&context.target()?).await.map_err(|error| match error {
            Error::Failed(failure) => Problem::Refuted(failure),
            error => error.into(),
        })?;
        let scripts = match ran {
            0 => "no applied migration has a verify script".to_owned(),
            1 => "1 verify script passed".to_owned(),
            ran => format!("{ran} verify scripts passed"),
        };
        let page = Page::default().toned(format!("applied migrations match the set; {scripts}"), Tone::Good);
        Ok(Answer::done(page, json!({ "verify_scripts": ran })))
    }
}
