//! `resolve`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::next::after_resolve;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use crate::{MigrationStatus, Resolution};
use serde_json::json;

/// Settle a migration that stopped between two statements
///
/// Runs nothing. Your decision is checked against the catalog where possible, and the history records who
/// settled the migration, how and why.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait", "history"]),
    group = clap::ArgGroup::new("resolution").required(true),
    after_help = "Examples:\n  migrate resolve 0003 --applied --reason 'the index is there'\n  migrate resolve 0003 --reverted --reason 'dropped the half-built index'\n  migrate resolve 0003 --resume --reason 'the statement was not run'\n  migrate resolve 0003 --resume=3 --reason 'statement 2 is done'"
)]
pub(crate) struct Args {
    /// The migration
    #[arg(value_name = "VERSION")]
    version: String,
    /// Record it as fully applied: everything that its up script does is done
    #[arg(long, group = "resolution")]
    applied: bool,
    /// Record it as not applied: nothing that its up script does is done
    #[arg(long, group = "resolution")]
    reverted: bool,
    /// Resume at this statement in the next run, the first being 1; without a number, at the first that is
    /// not known to be done
    #[arg(long, group = "resolution", value_name = "STATEMENT", num_args = 0..=1, require_equals = true)]
    resume: Option<Option<usize>>,
    /// The reason, recorded in the history
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let (resolution, reverting) = self.resolution(context).await?;
        let target = context.target()?;
        let report = context.migrator.resolve(&target, &self.version, resolution, &self.reason).await?;
        let page = super::run::report_page(&report);
        let next = after_resolve(resolution, reverting, &context.invocation);
        Ok(Answer { next, ..Answer::done(page, json!({ "report": json::report(&report) })) })
    }

    /// The resolution, and true if the migration to resume is half reverted.
    async fn resolution(&self, context: &Context) -> Result<(Resolution, bool), Problem> {
        Ok(match (self.applied, self.reverted, self.resume) {
            (true, ..) => (Resolution::Applied, false),
            (_, true, _) => (Resolution::Reverted, false),
            (_, _, statement) => {
                let (first, reverting) = self.first_not_done(context).await?;
                (Resolution::ResumeAt(statement.flatten().unwrap_or(first)), reverting)
            }
        })
    }

    /// The first statement that is not known to be done, and true if it is one of the down script.
    async fn first_not_done(&self, context: &Context) -> Result<(usize, bool), Problem> {
        let version = context.migrator.version(&self.version);
        let status = context.migrator.status(&context.target()?).await?;
        let row = status.rows.iter().find(|row| row.version == version);
        match row.map(|row| &row.state) {
            Some(MigrationStatus::Interrupted { statements_done, reverting, .. }) => {
                Ok((statements_done + 1, *reverting))
            }
            // The plan refuses it with the reason.
            _ => Ok((1, false)),
        }
    }
}
