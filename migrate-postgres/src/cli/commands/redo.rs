//! `redo`.

use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::consent::Consent;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::{Plan, Redo};

/// Revert the last migrations and apply them again, as they are now
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  migrate redo    the one that is being written")]
pub(crate) struct Args {
    /// How many
    #[arg(value_name = "COUNT", default_value_t = 1)]
    count: usize,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
    /// Redo also what was marked as applied and not run: what was there before is dropped
    #[arg(long)]
    including_marked: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    first: First,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let redo = Redo::count(self.count);
        let redo = if self.including_marked { redo.including_marked() } else { redo };
        let target = context.target()?;
        let plan: Box<dyn Plan> =
            if self.dry_run { Box::new(redo) } else { self.consent.to(context, &target, redo).await? };
        take(&self.first.apply_to(&context.migrator), &target, &*plan, self.dry_run).await
    }
}
