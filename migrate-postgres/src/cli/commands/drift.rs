//! `drift`.

use super::comparison::ComparisonArgs;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::schema::drift::SnapshotChange;
use serde_json::json;

/// Compare the schema with the applied migrations
///
/// Applies the migrations to a temporary scratch database on the same server and compares the two schemas.
/// Writes nothing to this database. `--kept` needs no scratch database: it compares with the schema that
/// `--snapshot-schema` recorded at the end of the last run, and shows which objects differ, but not how.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["history", "ignore_foreign_history"]),
    after_help = "Exit code 4 means that the schema differs.\n\nExamples:\n  migrate drift --ignore 'extension:pg_stat_statements'\n  migrate up --snapshot-schema, and later: migrate drift --kept"
)]
pub(crate) struct Args {
    /// Compare with the schema recorded at the end of the last run, without a scratch database
    #[arg(long, conflicts_with_all = ["schema", "scratch"])]
    kept: bool,
    /// Only record the current schema, without comparing
    #[arg(long, conflicts_with_all = ["kept", "schema", "scratch", "ignore", "privileges"])]
    keep: bool,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        match (self.keep, self.kept) {
            (true, _) => keep(context).await,
            (_, true) => self.since_kept(context).await,
            _ => self.drift(context).await,
        }
    }

    async fn since_kept(&self, context: &Context) -> Result<Answer, Problem> {
        let comparison = self.comparison.comparison(context);
        let since = context.migrator.drift_since_snapshot(&context.target()?, &comparison).await?;
        let since = since.ok_or(Problem::NotKept)?;
        if since.outdated {
            return Err(Problem::KeptEarlier {
                at: humantime::format_rfc3339_seconds(since.kept_at).to_string(),
            });
        }
        let change = |change: &SnapshotChange| json!({ "change": change.change.to_string(), "kind": change.kind.to_string(), "identity": change.identity });
        let data = json!({
            "kept_at": json::time(since.kept_at),
            "changes": since.changes.iter().map(change).collect::<Vec<_>>(),
        });
        let at = humantime::format_rfc3339_seconds(since.kept_at);
        if since.changes.is_empty() {
            let page = Page::default()
                .toned(format!("no drift: the schema matches the one recorded at {at}"), Tone::Good);
            return Ok(Answer::done(page, data));
        }
        let page = Page::default()
            .toned(format!("drift: the schema differs from the one recorded at {at}:"), Tone::Warning)
            .lines(since.changes.iter().map(ToString::to_string));
        let next = Next::default()
            .or(context.invocation.command("drift"), "shows how they differ, on a scratch database");
        Ok(Answer { exit: Exit::Drift, next, ..Answer::done(page, data) })
    }

    async fn drift(&self, context: &Context) -> Result<Answer, Problem> {
        let drift = context.migrator.drift(&context.target()?, &self.comparison.comparison(context)).await?;
        let data = json!({
            "applied": drift.applied,
            "interrupted": drift.interrupted,
            "differences": json::differences(&drift.differences),
        });
        let tone = if drift.is_none() { Tone::Good } else { Tone::Warning };
        let text = drift.to_string();
        let mut lines = text.lines();
        let page = Page::default().toned(lines.next().unwrap_or_default(), tone).lines(lines);
        let exit = if drift.is_none() { Exit::Done } else { Exit::Drift };
        Ok(Answer { exit, ..Answer::done(page, data) })
    }
}

async fn keep(context: &Context) -> Result<Answer, Problem> {
    let objects = context.migrator.take_schema_snapshot(&context.target()?).await?;
    let page = Page::default().line(format!("recorded the current schema: {objects} objects"));
    Ok(Answer::done(page, json!({ "objects": objects })))
}
