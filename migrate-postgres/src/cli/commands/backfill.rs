//! `backfill`: running the backfills of the set, and seeing and steering them from any machine.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::options::unused;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::{BackfillAction, BackfillRecord, BackfillReport, BackfillState, QuarantinedRow};
use clap::Subcommand;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::time::Duration;

/// Run backfills, or inspect and control them from any machine
///
/// A backfill begins when its migration is applied. One worker at a time runs it; `backfill run` waits while
/// another one does, and takes over when that one is gone.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Run the backfills that are not finished
    #[command(args = unused(&["lock_timeout", "history"]))]
    Run(RunArgs),
    /// Show the progress of each backfill, and the rows that were set aside
    #[command(args = unused(&["history"]))]
    Status,
    /// Pause a backfill after the current batch
    #[command(args = unused(&["history"]))]
    Pause(Why),
    /// Resume a paused backfill
    #[command(args = unused(&["history"]))]
    Resume(Which),
    /// Cancel a backfill; rows that it has filled stay as they are
    #[command(args = unused(&["history"]))]
    Cancel(Why),
    /// Limit a backfill to a number of rows per second
    #[command(args = unused(&["history"]))]
    Rate(RateArgs),
    /// Resume a stopped backfill, and retry the rows that were set aside
    #[command(args = unused(&["history"]))]
    Retry(Which),
}

/// A backfill.
#[derive(Clone, Debug, clap::Args)]
struct Which {
    /// The version of the backfill's migration
    #[arg(value_name = "VERSION")]
    version: String,
}

/// A backfill, and a reason.
#[derive(Clone, Debug, clap::Args)]
struct Why {
    #[command(flatten)]
    which: Which,
    /// The reason, which is shown to others
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct RateArgs {
    #[command(flatten)]
    which: Which,
    /// The maximum number of rows per second
    #[arg(value_name = "ROWS", required_unless_present = "unlimited")]
    rows: Option<NonZeroU32>,
    /// Remove the limit
    #[arg(long, conflicts_with = "rows")]
    unlimited: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "On Ctrl-C or SIGTERM, it stops at the end of the current batch and releases the backfill.\n\nExample:\n  migrate backfill run --max-lag 2s"
)]
struct RunArgs {
    /// Target duration of a batch; the number of rows adapts to it
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    batch_time: Option<Duration>,
    /// Pause while a standby lags by more than this
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    max_lag: Option<Duration>,
    /// Pause for no standby with this `application_name`; may be repeated
    #[arg(long, value_name = "NAME")]
    ignore_standby: Vec<String>,
    /// How many rows may be set aside before the backfill stops
    #[arg(long, value_name = "ROWS")]
    quarantine_limit: Option<u64>,
}

impl Args {
    /// True if it ends by itself, in order, when the context says stop.
    pub(super) fn stops_in_order(&self) -> bool {
        matches!(self.action, Action::Run(_))
    }

    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        match &self.action {
            Action::Run(args) => args.run(context).await,
            Action::Status => status(context).await,
            Action::Pause(Why { which, reason }) => {
                steer(context, which, BackfillAction::Pause { reason: reason.clone() }).await
            }
            Action::Resume(which) => steer(context, which, BackfillAction::Resume).await,
            Action::Cancel(Why { which, reason }) => {
                steer(context, which, BackfillAction::Cancel { reason: reason.clone() }).await
            }
            Action::Rate(RateArgs { which, rows, .. }) => {
                steer(context, which, BackfillAction::Rate(*rows)).await
            }
            Action::Retry(which) => steer(context, which, BackfillAction::Retry).await,
        }
    }
}

impl RunArgs {
    async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let mut backfill = context.migrator.backfill(&target).until(context.stop.notified());
        if let Some(time) = self.batch_time {
            backfill = backfill.batch_time(time);
        }
        if let Some(lag) = self.max_lag {
            backfill = backfill.max_lag(lag);
        }
        backfill = backfill.ignore_standbys(&self.ignore_standby);
        if let Some(rows) = self.quarantine_limit {
            backfill = backfill.quarantine_limit(rows);
        }
        let report = backfill.await?;
        let tone = if report.is_interrupted() { Tone::Warning } else { Tone::Good };
        let lines = report.to_string();
        let page = lines.lines().fold(Page::default(), |page, line| page.toned(line, tone));
        Ok(Answer::done(page, report_json(&report)))
    }
}

async fn status(context: &Context) -> Result<Answer, Problem> {
    let target = context.target()?;
    let records = context.migrator.backfills(&target).await?;
    let rows = context.migrator.quarantined(&target).await?;
    let mut page = Page::default();
    if records.is_empty() {
        page = page.line("no backfill has begun");
    } else {
        page = page.table(records_table(&records));
    }
    if !rows.is_empty() {
        page = page.line("rows that were set aside:").table(quarantine_table(&rows));
    }
    let data = json!({
        "backfills": records.iter().map(record_json).collect::<Vec<_>>(),
        "quarantined": rows.iter().map(quarantined_json).collect::<Vec<_>>(),
    });
    Ok(Answer::done(page, data))
}

async fn steer(context: &Context, which: &Which, action: BackfillAction) -> Result<Answer, Problem> {
    let record = context.migrator.steer_backfill(&context.target()?, &which.version, action).await?;
    let page = Page::default().table(records_table(std::slice::from_ref(&record)));
    Ok(Answer::done(page, json!({ "backfill": record_json(&record) })))
}

fn records_table(records: &[BackfillRecord]) -> Table {
    let head =
        ["migration", "table", "state", "rows", "of about", "%", "aside", "rows/s", "worker", "because"];
    let mut table = Table::new(head);
    records.iter().for_each(|record| table.push(record_row(record)));
    table
}

fn record_row(record: &BackfillRecord) -> [Piece; 10] {
    let tone = match record.state {
        BackfillState::Done if record.quarantined == 0 => Tone::Good,
        BackfillState::Stopped => Tone::Bad,
        _ => Tone::Warning,
    };
    let aside = if record.quarantined == 0 { Tone::Faint } else { Tone::Bad };
    let because = record.error.as_ref().or(record.reason.as_ref()).cloned().unwrap_or_default();
    [
        Piece::plain(&record.name),
        Piece::plain(&record.relation),
        Piece::new(record.state.word(), tone),
        Piece::plain(record.rows_done.to_string()),
        Piece::new(record.rows_total.to_string(), Tone::Faint),
        Piece::plain(record.percent().to_string()),
        Piece::new(record.quarantined.to_string(), aside),
        Piece::plain(record.rate.map_or_else(String::new, |rate| rate.to_string())),
        Piece::new(record.worker.clone().unwrap_or_default(), Tone::Faint),
        Piece::plain(because),
    ]
}

fn quarantine_table(rows: &[QuarantinedRow]) -> Table {
    let mut table = Table::new(["migration", "key", "error", "SQLSTATE", "at"]);
    rows.iter().for_each(|row| {
        table.push([
            Piece::plain(&row.version),
            Piece::plain(&row.key),
            Piece::plain(&row.error),
            Piece::plain(&row.sqlstate),
            Piece::time(row.at),
        ]);
    });
    table
}

fn record_json(record: &BackfillRecord) -> Value {
    json!({
        "version": record.version,
        "name": record.name,
        "table": record.relation,
        "key": record.key_columns,
        "state": record.state.word(),
        "rows_done": record.rows_done,
        "rows_total": record.rows_total,
        "percent": record.percent(),
        "quarantined": record.quarantined,
        "batch_rows": record.batch_rows,
        "rate": record.rate,
        "reason": record.reason,
        "error": record.error,
        "worker": record.worker,
        "begun_at": json::time(record.begun_at),
        "progress_at": record.progress_at.map(json::time),
        "done_at": record.done_at.map(json::time),
    })
}

fn quarantined_json(row: &QuarantinedRow) -> Value {
    json!({
        "version": row.version,
        "key": serde_json::from_str::<Value>(&row.key).unwrap_or(Value::Null),
        "sqlstate": row.sqlstate,
        "error": row.error,
        "at": json::time(row.at),
    })
}

fn report_json(report: &BackfillReport) -> Value {
    let backfills = report.backfills.iter().map(|backfill| {
        json!({
            "backfill": record_json(&backfill.record),
            "end": backfill.end.word(),
            "rows": backfill.rows,
            "changed": backfill.changed,
            "seconds": backfill.took.as_secs_f64(),
            "wal_bytes": backfill.wal,
        })
    });
    json!({ "interrupted": report.is_interrupted(), "backfills": backfills.collect::<Vec<_>>() })
}
