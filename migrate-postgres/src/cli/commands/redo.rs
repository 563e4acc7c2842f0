//! `redo`.

use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::consent::Consent;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::{Plan, Redo};

/// Revert the last migrations and apply them again with their current text
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  migrate redo    redoes the migration you are writing")]
pub(crate) struct Args {
    /// How many migrations to redo
    #[arg(value_name = "COUNT", default_value_t = 1)]
    count: usize,
    /// Show the steps without taking them
    #[arg(long)]
    dry_run: bool,
    /// Also redo migrations that were marked as applied and not run; this drops what existed before
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
