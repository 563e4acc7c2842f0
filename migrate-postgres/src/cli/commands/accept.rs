//! `accept`.

use super::run::{done, take};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use migrate_core::plan::Accept;

/// Accept an edit to an applied migration
///
/// Runs nothing: the history gains a row with the new text and the reason. The statements must stay the same:
/// an edit may change comments, white space, and the case of keywords and unquoted names. Any other edit is
/// refused.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait"]),
    after_help = "Examples:\n  migrate accept 0001 --reason 'keywords in lower case'\n  migrate accept --all --reason 'formatted' --dry-run"
)]
pub(crate) struct Args {
    /// The migrations to accept
    #[arg(value_name = "VERSION", required_unless_present = "all", conflicts_with = "all")]
    versions: Vec<String>,
    /// Accept every applied migration that was edited
    #[arg(long)]
    all: bool,
    /// The reason, recorded in the history
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Accept changed statements too: you state that the database matches the new text
    #[arg(long)]
    force: bool,
    /// Show the steps without taking them
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
        let answer = done(&context.migrator.run_plan(&target, &plan).await?);
        let status = context.invocation.command("status");
        Ok(Answer { next: Next::default().or(status, "shows the state of each migration"), ..answer })
    }
}
