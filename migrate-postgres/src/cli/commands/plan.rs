//! `plan`.

use super::run::shown;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::next::Next;
use crate::cli::problem::Problem;
use migrate_core::plan::Up;

/// Show what `up` would do, and change nothing
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Exit code 3 says that there is something to do.\n\nExample:\n  plan --to 0007")]
pub(crate) struct Args {
    /// Up to this version only
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let up = super::up::plan(self.to.as_deref(), context);
        let steps = context.migrator.plan_of(&context.target()?, &up as &Up).await?;
        let exit = if steps.steps.is_empty() { Exit::Done } else { Exit::Pending };
        let next = match exit {
            Exit::Done => Next::default(),
            _ => Next::default().or(context.invocation.command("up"), "does it"),
        };
        Ok(Answer { next, ..shown(&steps, exit) })
    }
}
