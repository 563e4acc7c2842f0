//! `facts`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use migrate_core::sql::facts::Facts;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Write what lint needs to know about the database to a file
///
/// The file has the server's version and time zone, the last applied migration, and of each table the columns,
/// constraints, indexes, partitions, and the size rounded up to a power of ten: names and definitions, no data.
/// Keep it in the repository, so that the build and `check` know the production database.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["lock_timeout", "history", "ignore_foreign_history"]),
    after_help = "Example:\n  migrate facts --out facts.json && migrate check --facts facts.json"
)]
pub(crate) struct Args {
    /// The file to write; without it, the facts are printed. The positions of other sets in the file are kept
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let facts = context.migrator.facts(&context.target()?).await?;
        let count = facts.relations.len();
        let Some(path) = &self.out else {
            let text = facts.to_json();
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            return Ok(Answer {
                raw: Some(text),
                ..Answer::done(Page::default(), json!({ "facts": value }))
            });
        };
        let facts = with_other_sets(facts, path)?;
        let failed = |source| Problem::File { what: "write", path: path.clone(), source };
        fs::write(path, facts.to_json()).map_err(failed)?;
        let written = format!("wrote {}: {count} relations", path.display());
        let data = json!({ "file": path.display().to_string(), "relations": count });
        Ok(Answer::done(Page::default().toned(written, Tone::Good), data))
    }
}

/// The facts with the positions of other sets that an existing file has. A file that holds something else is not
/// overwritten.
fn with_other_sets(mut facts: Facts, path: &Path) -> Result<Facts, Problem> {
    if path.exists() {
        for (set, version) in migrate_core::config::source::facts(path)?.positions {
            facts.positions.entry(set).or_insert(version);
        }
    }
    Ok(facts)
}
