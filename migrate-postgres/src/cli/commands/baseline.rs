//! `baseline`.

use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::Baseline;

/// Mark migrations as applied in a database whose schema was made otherwise
///
/// Runs none of them, and compares nothing: the schema is taken to be what they would have made.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  baseline 0001    0001 is what the schema was made of; `up` goes on after it"
)]
pub(crate) struct Args {
    /// The last migration to mark
    #[arg(value_name = "VERSION")]
    version: String,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let version = context.migrator.version(&self.version);
        take(context, &Baseline::at(version), self.dry_run).await
    }
}
