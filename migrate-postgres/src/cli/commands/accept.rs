//! `accept`.

use super::run::{done, take};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use migrate_core::plan::Accept;

/// Accept an edit of an applied migration
///
/// Runs nothing: the history gains a row with the new text and the reason. Refused where more than the writing was edited: anything
/// but comments, white space, the case of keywords and of names without quotes. The same statements make the same schema.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait"]),
    after_help = "Examples:\n  migrate accept 0001 --reason 'keywords in lower case'\n  migrate accept --all --reason 'formatted' --dry-run"
)]
pub(crate) struct Args {
    /// The migrations
    #[arg(value_name = "VERSION", required_unless_present = "all", conflicts_with = "all")]
    versions: Vec<String>,
    /// Every applied migration that was edited
    #[arg(long)]
    all: bool,
    /// Why, for the history to keep
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Accept other statements too: the database is what the new text makes
    #[arg(long)]
    force: bool,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let plan = match self.versions.as_slice() {
            [] => Accept::all(),
            versions => Accept::each(versions.iter().map(|version| context.migrator.version(version))),
        };
        let plan = plan.because(&self.reason);
        let plan = if self.force { plan.forced() } else { plan };
        if self.dry_run {
            return take(&context.migrator, &target, &plan, true).await;
        }
        let answer = done(&context.migrator.take(&target, &plan).await?);
        let status = context.invocation.command("status");
        Ok(Answer { next: Next::default().or(status, "shows where each migration stands"), ..answer })
    }
}
