//! `seed`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::invocation::quoted;
use crate::cli::json::seconds;
use crate::cli::options::unused;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::{Migrator, SeedReport, SeedResult};
use serde_json::{Value, json};

/// Run the seeds that are new or have changed
///
/// Runs the scripts of the folder `seeds`, in the migrations folder or beside it, each in one transaction and
/// under the migration lock: those in the folder itself, then those of the environment. A seed runs again when
/// its text changes, so it must be written to be run again.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_wait", "lock_timeout", "statement_timeout"]),
    after_help = "Examples:\n  migrate seed\n  migrate seed --environment development"
)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: Environment,
    /// Also run seeds that have not changed
    #[arg(long)]
    again: bool,
}

/// The environment.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Environment {
    /// Also run the seeds of this environment, those in the folder `seeds/NAME`
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
}

impl Environment {
    /// The same option, for another command line.
    pub(in crate::cli) fn argument(&self) -> Option<String> {
        self.environment.as_ref().map(|name| format!(" --environment {}", quoted(name)))
    }

    /// True if one was named.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.environment.is_some()
    }

    pub(in crate::cli) fn apply_to(&self, migrator: Migrator) -> Migrator {
        match &self.environment {
            Some(name) => migrator.environment(name.clone()),
            None => migrator,
        }
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let migrator = self.environment.apply_to(context.migrator.clone()).seed_again(self.again);
        let report =
            migrator.seed_telling(&context.target()?, &|holder| context.ui.wait_for_lock(holder)).await?;
        Ok(Answer::done(page(&report), json(&report)))
    }
}

/// The seeds for people.
pub(in crate::cli) fn page(report: &SeedReport) -> Page {
    let mut table = Table::new(["seed", "result", "took"]);
    for seed in &report.seeds {
        let (result, tone) = if seed.ran { ("ran", Tone::Good) } else { ("unchanged", Tone::Faint) };
        let took = if seed.ran { format!("{:.1?}", seed.took) } else { String::new() };
        table.push([Piece::plain(&seed.name), Piece::new(result, tone), Piece::plain(took)]);
    }
    Page::default().table(table).line(report.to_string())
}

/// The seeds for programs.
pub(in crate::cli) fn json(report: &SeedReport) -> Value {
    let seed = |seed: &SeedResult| {
        json!({
            "name": seed.name,
            "environment": seed.environment,
            "result": if seed.ran { "ran" } else { "unchanged" },
            "took_seconds": seconds(seed.took),
        })
    };
    json!({ "seeds": report.seeds.iter().map(seed).collect::<Vec<_>>() })
}
