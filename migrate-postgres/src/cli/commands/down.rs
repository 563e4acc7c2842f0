//! `down`.

use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::consent::Consent;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::{Down, Plan};

/// Revert migrations with their down scripts
///
/// Reverts the last migration, the last COUNT, every one after a version, or a deployment: everything that
/// one run applied. A migration that this program does not have is reverted with the down script stored in
/// the history. A missing down script is found before anything is reverted. Asks for confirmation, or needs
/// --yes if there is no terminal; neither if the database is marked as a development database (`reset
/// --mark-development`).
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  migrate down            reverts the last one\n  migrate down 3          reverts the last three\n  migrate down --to 0007  reverts all after 0007\n  migrate down --deployment --dry-run\n  migrate down --deployment --yes"
)]
pub(crate) struct Args {
    /// How many migrations to revert
    #[arg(value_name = "COUNT", default_value_t = 1, conflicts_with_all = ["to", "deployment", "all"])]
    count: usize,
    /// Revert every migration after VERSION
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["deployment", "all"])]
    to: Option<String>,
    /// Revert everything the last run applied, or everything RUN applied (`history` shows the runs)
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, conflicts_with = "all")]
    deployment: Option<Option<String>>,
    /// Revert all migrations
    #[arg(long)]
    all: bool,
    /// Also revert migrations that were marked as applied and not run; this drops what existed before
    #[arg(long, conflicts_with = "deployment")]
    including_marked: bool,
    /// Show the steps without taking them
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
