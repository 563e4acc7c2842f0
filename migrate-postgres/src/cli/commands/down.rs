//! `down`.

use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::consent::Consent;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::{Down, Plan};

/// Revert migrations by their down scripts
///
/// The last one, a number of them, all after a version, or a whole deployment: all that one run applied. A migration that this
/// program does not have is reverted by the down script that the history kept. A missing down script is found before anything is
/// reverted. It asks first, and needs --yes where there is no terminal to ask on, unless the database is marked as a
/// development one (`reset --mark-development`).
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  migrate down            the last one\n  migrate down 3          the last three\n  migrate down --to 0007  all after 0007, which stays\n  migrate down --deployment --dry-run\n  migrate down --deployment --yes"
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
    /// Revert also what was marked as applied and not run: what was there before is dropped
    #[arg(long, conflicts_with = "deployment")]
    including_marked: bool,
    /// Show the steps, and take none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    first: First,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let (target, plan) = (context.target()?, self.plan(context));
        let plan: Box<dyn Plan> =
            if self.dry_run { Box::new(plan) } else { self.consent.to(context, &target, plan).await? };
        take(&self.first.apply_to(&context.migrator), &target, &*plan, self.dry_run).await
    }

    fn plan(&self, context: &Context) -> Down {
        let down = match (&self.to, &self.deployment, self.all) {
            (Some(version), ..) => Down::to(context.migrator.version(version)),
            (None, Some(Some(run)), _) => Down::run(run.clone()),
            (None, Some(None), _) => Down::last_run(),
            (None, None, true) => Down::all(),
            (None, None, false) => Down::count(self.count),
        };
        if self.including_marked { down.including_marked() } else { down }
    }
}
