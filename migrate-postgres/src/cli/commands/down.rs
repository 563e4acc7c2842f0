//! `down`.

use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::Down;

/// Revert migrations by their down scripts
///
/// The last one, a number of them, all after a version, or a whole deployment: all that one run applied. A migration that this
/// program does not have is reverted by the down script that the history kept. A missing down script is found before anything is
/// reverted.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  down            the last one\n  down 3          the last three\n  down --to 0007  all after 0007, which stays\n  down --deployment --dry-run"
)]
pub(crate) struct Args {
    /// How many
    #[arg(value_name = "COUNT", default_value_t = 1, conflicts_with_all = ["to", "deployment", "all"])]
    count: usize,
    /// All that were applied with a later version than this one
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["deployment", "all"])]
    to: Option<String>,
    /// All that the last run applied, or that this run did, as `history` names it
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, conflicts_with = "all")]
    deployment: Option<Option<String>>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    first: First,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        take(&self.first.apply_to(&context.migrator), &context.target()?, &self.plan(context), self.dry_run)
            .await
    }

    fn plan(&self, context: &Context) -> Down {
        match (&self.to, &self.deployment, self.all) {
            (Some(version), ..) => Down::to(context.migrator.version(version)),
            (None, Some(Some(run)), _) => Down::run(run.clone()),
            (None, Some(None), _) => Down::last_run(),
            (None, None, true) => Down::all(),
            (None, None, false) => Down::count(self.count),
        }
    }
}
