//! `redo`.

use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::Redo;

/// Revert the last migrations and apply them again, as they are now
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  redo    the one that is being written")]
pub(crate) struct Args {
    /// How many
    #[arg(value_name = "COUNT", default_value_t = 1)]
    count: usize,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    first: First,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        take(
            &self.first.apply_to(&context.migrator),
            &context.target()?,
            &Redo::count(self.count),
            self.dry_run,
        )
        .await
    }
}
