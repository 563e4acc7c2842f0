//! `diff`.

use super::comparison::ComparisonArgs;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::sides;
use crate::sides::{LeftAlone, SideComparison};
use serde_json::{Value, json};

/// Compare two schemas: migrations, databases, plain SQL
///
/// A side that is not a database is run on a temporary scratch database on the configured server, and read
/// there. A side is `migrations` (the set, or a folder of migrations by its path), the same up to a version
/// (`migrations@0042`), `database` (the configured one) or a URL, a file or folder of plain SQL such as
/// schema.sql, or `empty`. Objects of a database that other sets or pg_partman made are listed and not
/// compared.
#[derive(Clone, clap::Args)]
#[command(
    args = unused(&["history", "ignore_foreign_history"]),
    after_help = "Examples:\n  migrate diff --from migrations --to schema.sql --exit-code    in CI: exit code 4 means that they differ\n  migrate diff --from migrations@0041 --to migrations@0042\n  migrate diff --from database --to db/schema"
)]
pub(crate) struct Args {
    /// The first side
    #[arg(long, value_name = "SIDE", default_value = "migrations")]
    from: String,
    /// The second side
    #[arg(long, value_name = "SIDE")]
    to: String,
    /// Exit with code 4 if the sides differ
    #[arg(long)]
    exit_code: bool,
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
        let server = sides::server(context, &[&from, &to])?;
        let comparison = self.comparison.comparison(context);
        let compared = context.migrator.compare_sides(&server, &from, &to, &comparison).await?;
        let is_same = compared.differences.is_empty();
        let exit = if self.exit_code && !is_same { Exit::Drift } else { Exit::Done };
        let data = json!({
            "from": from.to_string(),
            "to": to.to_string(),
            "differences": json::differences(&compared.differences),
            "left_alone": compared.left_alone.iter().map(left_alone).collect::<Vec<_>>(),
        });
        let page = page(&format!("from {from} to {to}"), &compared);
        Ok(Answer { exit, ..Answer::done(page, data) })
    }
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

/// An object that is left alone, for programs.
pub(in crate::cli) fn left_alone(object: &LeftAlone) -> Value {
    json!({ "kind": object.kind.to_string(), "identity": object.identity, "reason": object.reason.word() })
}
