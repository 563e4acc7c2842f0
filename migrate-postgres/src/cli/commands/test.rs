//! `test`.

use super::assert;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::options::unused;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::connection::target::Target as _;
use crate::schema::scratch::Scratch;
use crate::testing::{Irreversible, Reversible, RoundTrip, TriedMigration};
use serde_json::json;

/// Test that each migration can be applied, reverted and applied again
///
/// Runs them on a temporary scratch database on the same server. Reverting must restore the earlier schema,
/// and applying again must make the same schema as the first time. At the end, the assertions are checked. Objects that all databases of a server
/// share, such as roles, stay as they are.
#[derive(Clone, clap::Args)]
#[command(
    args = unused(&[]),
    after_help = "Examples:\n  migrate test --allow-irreversible 0001\n  migrate test --from 0042    applies earlier migrations without testing them"
)]
pub(crate) struct Args {
    /// Start with this migration
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// Allow this migration to have no down script, or one that fails; may be repeated
    #[arg(long, value_name = "VERSION")]
    allow_irreversible: Vec<String>,
    /// Use this empty database instead of a temporary one
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

/// Leaves the URL out, which may hold a password.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("allow_irreversible", &self.allow_irreversible).finish_non_exhaustive()
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let session = target.open().await?;
        let scratch = Scratch::open(&target, &session, self.scratch.as_deref()).await?;
        let trip = RoundTrip::of(context.migrator.clone()).telling(context.ui.phases());
        let trip = self.allow_irreversible.iter().fold(trip, RoundTrip::allow_irreversible);
        let trip = self.from.iter().fold(trip, RoundTrip::starting_at);
        let tried = trip.check_on_scratch(&scratch).await;
        let closed = scratch.close().await;
        session.close().await;
        let tried = tried?;
        closed?;
        Ok(answer(&tried))
    }
}

fn without_problem(migration: &TriedMigration) -> Piece {
    match &migration.irreversible {
        None => Piece::new("reversible", Tone::Good),
        Some(Irreversible::NoDown) => Piece::new("no down script, as allowed", Tone::Faint),
        Some(Irreversible::DownFails { .. }) => Piece::new("the down script fails, as allowed", Tone::Faint),
    }
}

fn answer(tried: &Reversible) -> Answer {
    let mut table = Table::new(["migration", "up, down, up"]);
    for migration in &tried.migrations {
        let result = match migration.problems.len() {
            0 => without_problem(migration),
            1 => Piece::new("1 problem", Tone::Bad),
            count => Piece::new(format!("{count} problems"), Tone::Bad),
        };
        table.push([Piece::plain(&migration.name), result]);
    }
    let is_round = tried.not_tried == 0 && tried.migrations.iter().all(|tried| tried.problems.is_empty());
    let problems = |migration: &TriedMigration| -> Vec<String> {
        migration.problems.iter().map(ToString::to_string).collect()
    };
    let mut page = Page::default().table(table);
    for migration in &tried.migrations {
        for problem in problems(migration) {
            page = page.lines(format!("{} {problem}", migration.name).lines());
        }
    }
    if !tried.assertions.results.is_empty() {
        page = page.append(assert::page(&tried.assertions));
    }
    if tried.not_tried > 0 {
        page = page.line(format!("not tested: {} after it", tried.not_tried));
    }
    let migrations = tried.migrations.iter().map(|migration| {
        let irreversible = migration.irreversible.as_ref().map(|reason| match reason {
            Irreversible::NoDown => "no_down",
            Irreversible::DownFails { .. } => "down_fails",
        });
        json!({ "name": migration.name, "problems": problems(migration), "irreversible": irreversible })
    });
    let data = json!({
        "migrations": migrations.collect::<Vec<_>>(),
        "not_tried": tried.not_tried,
        "assertions": assert::json(&tried.assertions)["assertions"].take(),
    });
    let exit = match tried.is_reversible() {
        true => Exit::Done,
        false if is_round => assert::exit(&tried.assertions),
        false => Exit::Failed,
    };
    Answer { exit, ..Answer::done(page, data) }
}
