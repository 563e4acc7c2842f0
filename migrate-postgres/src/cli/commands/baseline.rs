//! `baseline`.

use super::comparison::ComparisonArgs;
use super::run::{done, take};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use migrate_core::plan::Baseline;

/// Mark migrations as applied in a database that already has their schema
///
/// Runs none of them. First compares the schema with what they make on a temporary scratch database on the
/// same server; if the two differ, nothing is marked.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait", "history", "ignore_foreign_history"]),
    after_help = "Example:\n  migrate baseline 0001    for a database that has the schema of 0001; `up` continues after it"
)]
pub(crate) struct Args {
    /// The last migration to mark
    #[arg(value_name = "VERSION")]
    version: String,
    /// Skip the comparison and assume that the schema matches them
    #[arg(long)]
    unchecked: bool,
    /// Show the steps without taking them
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
            // Nothing is run, so another tool's table is no obstacle.
            let migrator = context.migrator.clone().ignore_foreign_history();
            return take(&migrator, &target, &plan, self.dry_run).await;
        }
        let comparison = self.comparison.comparison(context);
        Ok(done(&context.migrator.baseline_checked(&target, &self.version, &comparison).await?))
    }
}
