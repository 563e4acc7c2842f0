//! `resolve`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::next::after_resolve;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use crate::{Resolution, State};
use serde_json::json;

/// Settle by hand a migration that stopped between its statements
///
/// Runs nothing. What can be looked up in the catalog is checked, and the history keeps who settled it as what, and why.
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
    /// All that its up script does is there
    #[arg(long, group = "resolution")]
    applied: bool,
    /// Nothing that its up script does is there any more
    #[arg(long, group = "resolution")]
    reverted: bool,
    /// The next run is to go on at this statement, the first being 1; without a number at the first that is not done for certain
    #[arg(long, group = "resolution", value_name = "STATEMENT", num_args = 0..=1, require_equals = true)]
    resume: Option<Option<usize>>,
    /// Why, for the history to keep
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let resolution = self.resolution(context).await?;
        let target = context.target()?;
        let report = context.migrator.resolve(&target, &self.version, resolution, &self.reason).await?;
        let page = super::run::report_page(&report);
        let next = after_resolve(resolution, &context.invocation);
        Ok(Answer { next, ..Answer::done(page, json!({ "report": json::report(&report) })) })
    }

    async fn resolution(&self, context: &Context) -> Result<Resolution, Problem> {
        Ok(match (self.applied, self.reverted, self.resume) {
            (true, ..) => Resolution::Applied,
            (_, true, _) => Resolution::Reverted,
            (_, _, Some(Some(statement))) => Resolution::ResumeAt(statement),
            _ => Resolution::ResumeAt(self.first_not_done(context).await?),
        })
    }

    /// The first statement that is not done for certain.
    async fn first_not_done(&self, context: &Context) -> Result<usize, Problem> {
        let version = context.migrator.version(&self.version);
        let status = context.migrator.status(&context.target()?).await?;
        let row = status.rows.iter().find(|row| row.version == version);
        match row.map(|row| &row.state) {
            Some(State::Interrupted { statements_done, .. }) => Ok(statements_done + 1),
            // Refused by the plan, in its own words.
            _ => Ok(1),
        }
    }
}
