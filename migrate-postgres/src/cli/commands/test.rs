//! `test`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::scratch::Scratch;
use crate::target::Target as _;
use crate::testing::{Reversible, RoundTrip};
use serde_json::json;

/// Try each migration up, down and up again
///
/// On a scratch database beside this one, which is dropped again. The schema after a revert has to be the one before, and
/// the second time has to make what the first one did.
#[derive(Clone, clap::Args)]
#[command(after_help = "Example:\n  test --allow-irreversible 0001")]
pub(crate) struct Args {
    /// Let this migration have no down script; may be repeated
    #[arg(long, value_name = "VERSION")]
    allow_irreversible: Vec<String>,
    /// Try them on this empty database, instead of one that is made and dropped for it
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

/// Without the URL, which may hold a password.
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
        let trip = RoundTrip::of(context.migrator.clone());
        let trip = self.allow_irreversible.iter().fold(trip, RoundTrip::allow_irreversible);
        let tried = trip.check(scratch.config()).await;
        let closed = scratch.close().await;
        session.close().await;
        let tried = tried?;
        closed?;
        Ok(answer(&tried))
    }
}

fn answer(tried: &Reversible) -> Answer {
    let mut table = Table::new(["migration", "up, down, up"]);
    for migration in &tried.migrations {
        let result = match migration.problems.len() {
            0 => Piece::new("the same", Tone::Good),
            1 => Piece::new("1 problem", Tone::Bad),
            count => Piece::new(format!("{count} problems"), Tone::Bad),
        };
        table.push([Piece::plain(&migration.name), result]);
    }
    let problems = |migration: &crate::testing::Tried| -> Vec<String> {
        migration.problems.iter().map(ToString::to_string).collect()
    };
    let mut page = Page::default().table(table);
    for migration in &tried.migrations {
        for problem in problems(migration) {
            page = page.lines(format!("{} {problem}", migration.name).lines());
        }
    }
    if tried.not_tried > 0 {
        page = page.line(format!("{} after it not tried", tried.not_tried));
    }
    let migrations = tried.migrations.iter().map(|m| json!({ "name": m.name, "problems": problems(m) }));
    let data = json!({ "migrations": migrations.collect::<Vec<_>>(), "not_tried": tried.not_tried });
    let exit = if tried.is_reversible() { Exit::Done } else { Exit::Failed };
    Answer { exit, ..Answer::done(page, data) }
}
