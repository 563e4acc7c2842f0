//! `plan`.

use super::run::shown;
use super::{explained, rehearsed};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::problem::Problem;
use migrate_core::advice::Explain;
use migrate_core::plan::Up;
use serde_json::json;
use std::time::Duration;

/// Show what `up` would do, without changing anything
///
/// For each statement, shows what it locks and in which mode, whether it scans or rewrites the table, and how
/// large the table is now, as far as its text tells. `--rehearse` runs the migrations in a transaction that
/// is rolled back, and shows what was locked and rewritten and how long it took. It holds these locks
/// meanwhile; `--limit` bounds the time.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait", "lock_timeout", "statement_timeout", "allow_out_of_order", "allow_missing", "history", "ignore_foreign_history"]),
    after_help = "Exit code 3 means that there is something to do. With --rehearse, 0 means that a run would succeed, 7 that it would fail or take longer than the limit, 11 that migrations were left out.\n\nExamples:\n  migrate plan --to 0007\n  migrate plan --rehearse --limit 5s"
)]
pub(crate) struct Args {
    /// Stop after this version
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Run the migrations and roll them back; one that runs statement by statement is left out, with all
    /// after it
    #[arg(long)]
    rehearse: bool,
    /// Time limit of a rehearsal, which holds its locks until it ends
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration, requires = "rehearse")]
    limit: Duration,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        if self.rehearse { self.rehearse(context).await } else { self.explain(context).await }
    }

    async fn explain(&self, context: &Context) -> Result<Answer, Problem> {
        let up = super::up::plan(self.to.as_deref(), context);
        let steps = context.migrator.explain_of(&context.target()?, &up as &Up).await?;
        if steps.is_empty() {
            return Ok(shown(&steps, Exit::Done));
        }
        let answer = shown(&steps, Exit::Pending);
        let page = explained::page(&steps).append(answer.page);
        let up = format!("up{}", self.to());
        let next = Next::default().or(context.invocation.command(&up), "applies it").or(
            context.invocation.command(&format!("plan --rehearse{}", self.to())),
            "runs it and rolls it back",
        );
        Ok(Answer { next, page, ..answer })
    }

    async fn rehearse(&self, context: &Context) -> Result<Answer, Problem> {
        let migrator = match &self.to {
            Some(version) => context.migrator.clone().up_to(version.clone()),
            None => context.migrator.clone(),
        };
        let rehearsal = migrator.rehearse(&context.target()?, self.limit).await?;
        let next = match &rehearsal.stopped {
            Some(stopped) => Next::of(stopped.advice(), context),
            None if rehearsal.steps.is_empty() => Next::default(),
            None => {
                let up = context.invocation.command(&format!("up{}", self.to()));
                Next::default().or(up, "applies it")
            }
        };
        Ok(Answer {
            exit: rehearsed::exit(&rehearsal),
            page: rehearsed::page(&rehearsal),
            data: json!({ "rehearsal": rehearsed::json(&rehearsal) }),
            next,
            raw: None,
        })
    }

    /// The same `--to` option, for another command line.
    fn to(&self) -> String {
        self.to
            .as_ref()
            .map_or_else(String::new, |to| format!(" --to {}", crate::cli::invocation::quoted(to)))
    }
}
