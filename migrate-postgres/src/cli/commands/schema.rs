//! `schema`.

use super::comparison::ComparisonArgs;
use super::diff::{Direction, comments, exit, proof};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::sides;
use crate::sides::Side;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// Write the whole schema as one file of SQL
///
/// The file makes the schema in an empty database, and is proved to. It can be read, compared, and kept in the
/// repository: `--check` says when the kept one no longer is what the migrations make.
#[derive(Clone, clap::Args)]
#[command(
    args = unused(&["history", "ignore_foreign_history"]),
    after_help = "Examples:\n  migrate schema --sql --out schema.sql\n  migrate schema --check schema.sql    in CI: exit code 4 means that it is stale"
)]
pub(crate) struct Args {
    /// Write it as SQL
    #[arg(long, required_unless_present = "check")]
    sql: bool,
    /// The side whose schema it is, as for `diff`
    #[arg(long, value_name = "SIDE", default_value = "migrations")]
    from: String,
    /// Write it to this file
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,
    /// Only compare this file with the schema
    #[arg(long, value_name = "FILE", conflicts_with = "sql")]
    check: Option<PathBuf>,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

/// Leaves the side out, which may hold a password.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("out", &self.out).finish_non_exhaustive()
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let side = sides::side(&self.from, context)?;
        let server = sides::server(context, &[&side])?;
        let comparison = self.comparison.comparison(context);
        if let Some(path) = &self.check {
            let file = Side::file(path)?;
            let compared = context.migrator.compare_sides(&server, &file, &side, &comparison).await?;
            let data = json!({ "file": path, "differences": json::differences(&compared.differences) });
            if compared.differences.is_empty() {
                let page = Page::default().toned(format!("{file} is the schema of {side}"), Tone::Good);
                return Ok(Answer::done(page, data));
            }
            let page = Page::default()
                .toned(format!("{file} is stale: it differs from the schema of {side}:"), Tone::Warning)
                .lines(compared.differences.to_string().lines());
            let again =
                format!("schema --sql --out {}", crate::cli::invocation::quoted(&path.to_string_lossy()));
            let next = Next::default().or(context.invocation.command(&again), "writes it again");
            return Ok(Answer { exit: Exit::Drift, next, ..Answer::done(page, data) });
        }
        let written =
            context.migrator.write_difference(&server, &Side::empty(), &side, &comparison, &[]).await?;
        let mut text = format!("-- The schema of {side}, written by `migrate schema --sql`.\n");
        if !written.proof.is_proved() {
            text.push_str(&comments(&format!("from an empty database to {side}"), &written, Direction::Up));
        }
        for script in &written.scripts {
            text.push('\n');
            text.push_str(&script.up);
        }
        let exit = exit(&written);
        let mut data = json!({ "sql": text, "proof": proof(&written.proof) });
        let Some(path) = &self.out else {
            return Ok(Answer { exit, raw: Some(text), ..Answer::done(Page::default(), data) });
        };
        let failed = |source| Problem::File { what: "write", path: path.clone(), source };
        fs::write(path, &text).map_err(failed)?;
        data["file"] = json!(path);
        let page = Page::default().line(format!("wrote {}", path.display())).line(written.proof.to_string());
        Ok(Answer { exit, ..Answer::done(page, data) })
    }
}
