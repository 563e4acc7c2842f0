//! `diff`.

use super::comparison::ComparisonArgs;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::sides::{self, RenameArgs};
use crate::sides::{LeftAlone, Proof, Side, SideComparison, WrittenDifference, WrittenScript};
use serde_json::{Value, json};

/// Write the SQL that turns one schema into another
///
/// A side that is not a database is run on a temporary scratch database on the configured server, and read
/// there. A side is `migrations` (the set, or a folder of migrations by its path), the same up to a version
/// (`migrations@0042`), `database` (the configured one) or a URL, a file or folder of plain SQL such as
/// schema.sql, or `empty`. The SQL is proved on a copy of the first side before it is printed. Objects of a
/// database that other sets or pg_partman made are listed and not compared.
#[derive(Clone, clap::Args)]
#[command(
    args = unused(&["history", "ignore_foreign_history"]),
    after_help = "Examples:\n  migrate diff --to schema.sql\n  migrate diff --to schema.sql --exit-code    in CI: exit code 4 means that they differ\n  migrate diff --from migrations@0041 --to migrations@0042 --down\n  migrate diff --from database --to db/schema"
)]
pub(crate) struct Args {
    /// The first side
    #[arg(long, value_name = "SIDE", default_value = "migrations")]
    from: String,
    /// The second side
    #[arg(long, value_name = "SIDE")]
    to: String,
    /// Only list the differences, without SQL, and exit with code 4 if there are some
    #[arg(long)]
    exit_code: bool,
    /// Print the SQL of the way back
    #[arg(long, conflicts_with = "exit_code")]
    down: bool,
    #[command(flatten)]
    renames: RenameArgs,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

/// Leaves the sides out, which may hold a password.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("exit_code", &self.exit_code).finish_non_exhaustive()
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let (from, to) = (sides::side(&self.from, context)?, sides::side(&self.to, context)?);
        let comparison = self.comparison.comparison(context);
        if !self.exit_code {
            let written = sides::written(context, (&from, &to), &comparison, &self.renames).await?;
            return Ok(self.sql(&from, &to, &written));
        }
        let server = sides::server(context, &[&from, &to])?;
        let compared = context.migrator.compare_sides(&server, &from, &to, &comparison).await?;
        let exit = if compared.differences.is_empty() { Exit::Done } else { Exit::Drift };
        let page = page(&format!("from {from} to {to}"), &compared);
        Ok(Answer { exit, ..Answer::done(page, compared_json(&from, &to, &compared)) })
    }

    /// The statements, with facts about them in comments.
    fn sql(&self, from: &Side, to: &Side, written: &WrittenDifference) -> Answer {
        let mut data = compared_json(from, to, &written.compared);
        put_written(&mut data, written);
        let direction = if self.down { Direction::Down } else { Direction::Up };
        let mut text = comments(&format!("from {from} to {to}"), written, direction);
        let scripts: Vec<&str> = match self.down {
            true => written.scripts.iter().rev().map(|script| script.down.as_str()).collect(),
            false => written.scripts.iter().map(|script| script.up.as_str()).collect(),
        };
        text.push_str(&scripts.join("\n-- in a transaction of its own:\n"));
        Answer { exit: exit(written), raw: Some(text), ..Answer::done(Page::default(), data) }
    }
}

/// A direction of scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Direction {
    Up,
    Down,
}

/// The exit code of a written difference.
pub(in crate::cli) fn exit(written: &WrittenDifference) -> Exit {
    let is_empty = written.compared.differences.is_empty();
    if is_empty || written.proof.is_proved() { Exit::Done } else { Exit::Unproved }
}

/// Facts about a written difference, as SQL comments.
pub(in crate::cli) fn comments(sides: &str, written: &WrittenDifference, direction: Direction) -> String {
    let mut lines = match written.compared.differences.len() {
        0 => vec![format!("no difference {sides}")],
        1 => vec![format!("1 difference {sides}"), written.proof.to_string()],
        count => vec![format!("{count} differences {sides}"), written.proof.to_string()],
    };
    lines.extend(written.unwritten.iter().map(ToString::to_string));
    let losses = written.scripts.iter().flat_map(|script| match direction {
        Direction::Up => &script.loses,
        Direction::Down => &script.down_loses,
    });
    lines.extend(losses.map(|lost| format!("loses {lost}")));
    lines.extend(written.compared.left_alone.iter().map(|object| format!("left alone: {object}")));
    let lines = lines.iter().flat_map(|line| line.lines());
    lines.map(|line| format!("-- {line}\n")).collect()
}

/// The comparison for people.
fn page(sides: &str, compared: &SideComparison) -> Page {
    let page = match compared.differences.len() {
        0 => Page::default().toned(format!("no difference {sides}"), Tone::Good),
        count => {
            let count = if count == 1 { "1 difference".to_owned() } else { format!("{count} differences") };
            let page = Page::default().toned(format!("{count} {sides}:"), Tone::Warning);
            page.lines(compared.differences.to_string().lines())
        }
    };
    let listed = compared.left_alone.iter().map(|object| format!("left alone: {object}"));
    listed.fold(page, |page, line| page.toned(line, Tone::Faint))
}

fn compared_json(from: &Side, to: &Side, compared: &SideComparison) -> Value {
    json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "differences": json::differences(&compared.differences),
        "left_alone": compared.left_alone.iter().map(left_alone).collect::<Vec<_>>(),
    })
}

/// Adds the scripts and their proof to a document.
pub(in crate::cli) fn put_written(data: &mut Value, written: &WrittenDifference) {
    let script =
        |script: &WrittenScript| json!({ "up": script.up, "down": script.down, "loses": script.loses });
    data["scripts"] = written.scripts.iter().map(script).collect();
    data["unwritten"] = written.unwritten.iter().map(ToString::to_string).collect();
    data["proof"] = proof(&written.proof);
}

/// A proof, for programs.
pub(in crate::cli) fn proof(proof: &Proof) -> Value {
    json!({
        "proved": proof.is_proved(),
        "failed": proof.failed,
        "left": json::differences(&proof.left),
        "left_after_down": json::differences(&proof.left_after_down),
        "rewritten": proof.rewritten,
        "changed_rows": proof.changed_rows,
        "without_rows": proof.without_rows,
    })
}

/// An object that is left alone, for programs.
pub(in crate::cli) fn left_alone(object: &LeftAlone) -> Value {
    json!({ "kind": object.kind.to_string(), "identity": object.identity, "reason": object.reason.word() })
}
