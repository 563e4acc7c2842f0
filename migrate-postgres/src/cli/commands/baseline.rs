//! `baseline`.

use super::comparison::ComparisonArgs;
use super::run::{done, take};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use migrate_core::plan::Baseline;

/// Mark migrations as applied in a database whose schema was made otherwise
///
/// Runs none of them. The schema is compared first with what they make on a scratch database beside this one, which is dropped
/// again; where it is another one, nothing is marked.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait", "history", "ignore_foreign_history"]),
    after_help = "Example:\n  migrate baseline 0001    0001 is what the schema was made of; `up` goes on after it"
)]
pub(crate) struct Args {
    /// The last migration to mark
    #[arg(value_name = "VERSION")]
    version: String,
    /// Compare nothing: the schema is taken to be what they would have made
    #[arg(long)]
    unchecked: bool,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        if self.unchecked || self.dry_run {
            let plan = Baseline::at(context.migrator.version(&self.version));
            // Nothing is run: another tool's table is no obstacle.
            let migrator = context.migrator.clone().ignore_foreign_history();
            return take(&migrator, &target, &plan, self.dry_run).await;
        }
        let comparison = self.comparison.comparison(context);
        Ok(done(&context.migrator.baseline_checked(&target, &self.version, &comparison).await?))
    }
}
