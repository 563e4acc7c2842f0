//! `check`.

use crate::Reading;
use crate::cli::answer::Answer;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use migrate_core::FolderError;
use migrate_core::directory::source::folder;
use serde_json::json;
use std::path::Path;

/// Check the folder as `migrate!` does, without compiling
///
/// Needs no database. Shows all problems at once, each with file, line and column.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = super::unused_over_files(&["folder", "placeholder", "json", "color"]),
    after_help = "Exit code 5 means that there is a problem.\n\nExample:\n  migrate check --json | jq .error.problems"
)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(&self, folder: &Path, reading: &Reading) -> Result<Answer, Problem> {
        let problems = |problems: migrate_core::Problems| FolderError::Problems {
            path: folder.to_owned(),
            problems: problems.under(&folder.to_string_lossy()),
        };
        let directory = reading.read(folder::collect(folder)?).map_err(problems)?;
        let count = directory.migrations.len();
        let migrations = if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") };
        let found = format!("{migrations} in the {} layout, no problems", directory.layout);
        let notes: Vec<String> = directory.notes.iter().map(ToString::to_string).collect();
        let page =
            Page::default().toned(found, Tone::Good).lines(notes.iter().map(|note| format!("note: {note}")));
        let data = json!({
            "layout": directory.layout.to_string(),
            "migrations": directory.migrations.iter().map(migrate_core::Migration::name).collect::<Vec<_>>(),
            "notes": notes,
        });
        Ok(Answer::done(page, data))
    }
}
