//! `up`.

use super::assert;
use super::backup::First;
use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use migrate_core::plan::Up;

/// Apply pending migrations
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  migrate up\n  migrate up --to 0007\n  migrate up --lock-wait 30s --json\n  migrate up --backup /var/backups/app\n  migrate up --assert"
)]
pub(crate) struct Args {
    /// Stop after this version
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Show the steps without taking them
    #[arg(long)]
    dry_run: bool,
    /// Check the assertions afterwards, even if nothing was pending
    #[arg(long, conflicts_with = "dry_run")]
    assert: bool,
    #[command(flatten)]
    first: First,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let answer = take(
            &self.first.apply_to(&context.migrator),
            &target,
            &plan(self.to.as_deref(), context),
            self.dry_run,
        )
        .await?;
        if !self.assert {
            return Ok(answer);
        }
        let assertions = context.migrator.assert(&target).await?;
        let mut answer = Answer { exit: assert::exit(&assertions), ..answer };
        answer.data["assertions"] = assert::json(&assertions);
        Ok(Answer { page: answer.page.append(assert::page(&assertions)), ..answer })
    }
}

/// Applies all pending migrations, or those up to a version.
pub(super) fn plan(to: Option<&str>, context: &Context) -> Up {
    to.map_or(Up::all(), |version| Up::to(context.migrator.version(version)))
}
