//! `report`.

use super::comparison::ComparisonArgs;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::report::{DatabaseHealth, DatabaseReport, ReportOptions};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// Write an HTML page with the history, pending migrations and tables
///
/// The page is one self-contained file: no network, no scripts. Writes nothing to the database.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["allow_out_of_order", "allow_missing", "history", "ignore_foreign_history"]),
    after_help = "The exit code is 0 if the page was written, whatever it shows; `status` and `drift` have exit codes for that.\n\nExample:\n  migrate report --html report.html --drift"
)]
pub(crate) struct Args {
    /// Write the page to this file; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
    /// Also compare the schema with the applied migrations
    #[arg(long)]
    drift: bool,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let options = ReportOptions::new().comparing(self.comparison.comparison(context));
        let options = if self.drift { options.with_drift() } else { options };
        let report = context.migrator.database_report(&context.target()?, &options).await?;
        fs::write(&self.html, report.to_html()).map_err(|source| Problem::File {
            what: "write",
            path: self.html.clone(),
            source,
        })?;
        Ok(self.answer(&report, context))
    }

    fn answer(&self, report: &DatabaseReport, context: &Context) -> Answer {
        let (applied, pending) = (report.applied(), report.status.pending().count());
        let differences = report.drift.as_ref().map(|drift| drift.differences.len());
        let data = json!({
            "file": self.html.to_string_lossy(),
            "set": report.status.set,
            "health": report.health().word(),
            "applied": applied,
            "pending": pending,
            "attempts": report.attempts.len(),
            "failures": report.failures(),
            "differences": differences,
            "drift_unknown": report.drift_unknown,
            "tables": report.diagram.tables.len(),
            "foreign_keys": report.diagram.foreign_keys.len(),
        });
        let tone = match (report.health(), differences) {
            (DatabaseHealth::UpToDate, None | Some(0)) if report.drift_unknown.is_none() => Tone::Good,
            (DatabaseHealth::UpToDate | DatabaseHealth::Pending, _) => Tone::Warning,
            _ => Tone::Bad,
        };
        let drift = match differences {
            None => String::new(),
            Some(0) => ", no drift".to_owned(),
            Some(1) => ", 1 difference".to_owned(),
            Some(differences) => format!(", {differences} differences"),
        };
        let page = Page::default()
            .toned(format!("{}: {applied} applied, {pending} pending{drift}", report.health()), tone)
            .line(format!("written to `{}`", self.html.display()));
        let Some(reason) = &report.drift_unknown else { return Answer::done(page, data) };
        let page = page.lines(format!("drift unknown: {reason}").lines());
        let next = Next::default().or(
            context.invocation.command("drift --kept"),
            "compares with the schema recorded by `--snapshot-schema`, and runs no migration",
        );
        Answer { next, ..Answer::done(page, data) }
    }
}
