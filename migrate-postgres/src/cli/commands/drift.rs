//! `drift`.

use super::comparison::ComparisonArgs;
use super::diff::{Direction, comments, exit, put_written};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::schema::drift::SnapshotChange;
use crate::sides::{Side, WrittenDifference};
use serde_json::json;

/// Compare the schema with the applied migrations
///
/// Applies the migrations to a temporary scratch database on the same server and compares the two schemas.
/// Writes nothing to this database. `--kept` needs no scratch database: it compares with the schema that
/// `--snapshot-schema` recorded at the end of the last run, and shows which objects differ, but not how.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["history", "ignore_foreign_history"]),
    after_help = "Exit code 4 means that the schema differs.\n\nExamples:\n  migrate drift --ignore 'extension:pg_stat_statements'\n  migrate drift --sql\n  migrate up --snapshot-schema, and later: migrate drift --kept"
)]
pub(crate) struct Args {
    /// Compare with the schema recorded at the end of the last run, without a scratch database
    #[arg(long, conflicts_with_all = ["schema", "scratch"])]
    kept: bool,
    /// Print the SQL that makes the database what its applied migrations make, and the SQL of a migration that
    /// makes them what the database is
    #[arg(long, conflicts_with_all = ["kept", "keep"])]
    sql: bool,
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
            _ if self.sql => self.sql(context).await,
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

    /// The SQL for either side.
    async fn sql(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let comparison = self.comparison.comparison(context);
        let set = context.migrator.set();
        let (_, state) = context.migrator.state(&target).await?;
        let versions = state.applied.iter().map(|applied| applied.version.clone());
        let versions = versions.filter(|version| set.find(version).is_some()).collect();
        let made = Side::of_versions(set, versions, "the applied migrations".to_owned());
        let live = Side::endpoint(target.clone());
        let fix = context.migrator.write_difference(&target, &live, &made, &comparison, &[]).await?;
        let adopt = context.migrator.write_difference(&target, &made, &live, &comparison, &[]).await?;
        let mut text = String::new();
        for (what, written) in [
            ("that makes the database what its applied migrations make", &fix),
            ("of a migration that makes the database what it is now", &adopt),
        ] {
            text.push_str(
                &comments(&format!("; the SQL {what}:"), written, Direction::Up).replacen(" ; ", "; ", 1),
            );
            written.scripts.iter().for_each(|script| text.push_str(&script.up));
            text.push('\n');
        }
        let section = |written: &WrittenDifference| {
            let mut data = json!({});
            put_written(&mut data, written);
            data
        };
        let data = json!({
            "applied": state.applied.len(),
            "differences": json::differences(&adopt.compared.differences),
            "database": section(&fix),
            "migrations": section(&adopt),
        });
        let exit = match (adopt.compared.differences.is_empty(), exit(&fix), exit(&adopt)) {
            (true, ..) => Exit::Done,
            (false, Exit::Done, Exit::Done) => Exit::Drift,
            _ => Exit::Unproved,
        };
        Ok(Answer { exit, raw: Some(text), ..Answer::done(Page::default(), data) })
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
