//! `preflight`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::cli::size::parse_size;
use crate::operate::{Preflight, PreflightFinding, Thresholds, Verdict};
use migrate_core::advice::Words;
use serde_json::{Value, json};
use std::time::Duration;

/// Check that it is safe to migrate now
///
/// Checks the connection and privileges, the migration lock, the sessions that use the tables of pending
/// migrations, invalid indexes, standbys, the amount of data to be written, the rows that pending constraints
/// and types would exclude, and the age of the last backup. Writes nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["allow_out_of_order", "allow_missing", "history", "ignore_foreign_history"]),
    after_help = "Exit code 9 means that a run should not be started; with warnings only, it is 0.\n\nExamples:\n  migrate preflight && migrate up\n  migrate preflight --backup-age 1h --long-transaction 10s"
)]
#[command(next_help_heading = "Thresholds")]
pub(crate) struct Args {
    /// Age from which a transaction counts as long-running: on a table of a pending migration, it is a stop,
    /// and a younger one is a warning
    #[arg(long, value_name = "TIME", default_value = "1min", value_parser = humantime::parse_duration)]
    long_transaction: Duration,
    /// Warn if a standby is behind by at least SIZE of WAL
    #[arg(long, value_name = "SIZE", default_value = "64MB", value_parser = parse_size)]
    lag: u64,
    /// Warn if at least SIZE will be rewritten
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = parse_size)]
    written: u64,
    /// Time limit of each query for rows that a pending statement would reject
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    probe_time: Duration,
    /// Do not look for such rows
    #[arg(long, conflicts_with = "probe_time")]
    no_probes: bool,
    /// Stop if the last backup made by `backup` is older than TIME, or if there is none
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    backup_age: Option<Duration>,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let preflight = context.migrator.preflight_with(&context.target()?, &self.thresholds()).await?;
        let stops = preflight.verdict() == Verdict::Stop;
        let next = match (stops, preflight.pending) {
            (true, _) => Next::advice("fix what stops the run, and check again")
                .or(context.invocation.command("preflight"), "checks again"),
            (false, Some(0)) => Next::default(),
            _ => Next::default().or(context.invocation.command("up"), "applies pending migrations"),
        };
        let findings = preflight.findings.iter().map(|finding| finding_json(finding, context.words()));
        Ok(Answer {
            exit: if stops { Exit::Stop } else { Exit::Done },
            page: page(&preflight, context.words()),
            data: json!({
                "verdict": preflight.verdict().word(),
                "pending": preflight.pending,
                "findings": findings.collect::<Vec<_>>(),
            }),
            next,
            raw: None,
        })
    }

    fn thresholds(&self) -> Thresholds {
        let thresholds =
            Thresholds::new().long_transaction(self.long_transaction).lag(self.lag).written(self.written);
        let thresholds = thresholds.probe_time((!self.no_probes).then_some(self.probe_time));
        self.backup_age.map_or(thresholds, |age| thresholds.backup_age(age))
    }
}

fn page(preflight: &Preflight, words: Words) -> Page {
    let mut table = Table::new(["check", "verdict", "found", "what to do"]);
    for finding in &preflight.findings {
        table.push([
            Piece::plain(finding.check.word()),
            Piece::new(finding.verdict.word(), tone(finding.verdict)),
            Piece::plain(one_line(&finding.found)),
            Piece::plain(one_line(&finding.next.text(words))),
        ]);
    }
    Page::default().table(table).toned(summary(preflight), tone(preflight.verdict()))
}

fn summary(preflight: &Preflight) -> String {
    let count = |verdict| preflight.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let told = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let counts = [
        told(count(Verdict::Stop), "stop", "stops"),
        told(count(Verdict::Warning), "warning", "warnings"),
        told(count(Verdict::Pass), "passed", "passed"),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Warning => Tone::Warning,
        Verdict::Stop => Tone::Bad,
    }
}

/// On one line: a finding from an error has several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn finding_json(finding: &PreflightFinding, words: Words) -> Value {
    json!({
        "check": finding.check.word(),
        "verdict": finding.verdict.word(),
        "found": finding.found,
        "next": (!finding.next.is_empty()).then(|| finding.next.text(words)),
    })
}
