//! The commands, one file each.

mod accept;
mod adopt;
pub(super) mod assert;
mod backfill;
mod backup;
mod baseline;
mod compare;
pub(super) mod comparison;
pub(super) mod diff;
mod down;
mod drift;
mod explained;
mod facts;
mod history;
mod plan;
mod preflight;
mod redo;
mod rehearsed;
mod report;
mod reset;
mod resolve;
pub(super) mod run;
mod schema;
pub(super) mod seed;
mod status;
#[cfg(feature = "testing")]
mod test;
mod up;
mod verify;

use super::answer::Answer;
use super::context::Context;
use super::problem::Problem;
use clap::Subcommand;
use std::pin::Pin;

/// A command on its way to an answer.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'a>>;

/// The commands over a set.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the state of each migration
    Status(status::Args),
    /// Show what `up` would do, without changing anything
    Plan(plan::Args),
    /// Check that it is safe to migrate now
    Preflight(preflight::Args),
    /// Back up the database with pg_dump
    Backup(backup::Args),
    /// Apply pending migrations
    Up(up::Args),
    /// Run backfills, or inspect and control them from any machine
    Backfill(backfill::Args),
    /// Revert migrations with their down scripts
    Down(down::Args),
    /// Revert the last migrations and apply them again with their current text
    Redo(redo::Args),
    /// Check applied migrations: compare checksums and run verify scripts
    Verify(verify::Args),
    /// Check that the assertions hold
    Assert(assert::Args),
    /// Compare the rows of two queries
    Compare(compare::Args),
    /// Run the seeds that are new or have changed
    Seed(seed::Args),
    /// Settle a migration that stopped between two statements
    Resolve(resolve::Args),
    /// Accept an edit to an applied migration
    Accept(accept::Args),
    /// Mark migrations as applied in a database that already has their schema
    Baseline(baseline::Args),
    /// Take over another tool's history
    Adopt(adopt::Args),
    /// Compare the schema with the applied migrations
    Drift(drift::Args),
    /// Write the SQL that turns one schema into another
    Diff(diff::Args),
    /// Write the whole schema as one file of SQL
    Schema(schema::Args),
    /// Write what lint needs to know about the database to a file
    Facts(facts::Args),
    /// Show every attempt to apply, revert or mark a migration
    History(history::Args),
    /// Write an HTML page with the history, pending migrations and tables
    Report(report::Args),
    /// Drop everything in a development database and rebuild it
    Reset(reset::Args),
    /// Test that each migration can be applied, reverted and applied again
    #[cfg(feature = "testing")]
    Test(test::Args),
}

/// The names of all commands, including those that only the program has.
pub(super) const NAMES: [&str; 29] = [
    "accept",
    "renumber",
    "status",
    "plan",
    "preflight",
    "backup",
    "up",
    "down",
    "redo",
    "verify",
    "resolve",
    "baseline",
    "history",
    "facts",
    "report",
    "reset",
    "new",
    "check",
    "completions",
    "adopt",
    "drift",
    "diff",
    "schema",
    "dev",
    "backfill",
    "test",
    "assert",
    "compare",
    "seed",
];

impl Command {
    /// The command's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Command::Status(_) => "status",
            Command::Plan(_) => "plan",
            Command::Preflight(_) => "preflight",
            Command::Backup(_) => "backup",
            Command::Up(_) => "up",
            Command::Backfill(_) => "backfill",
            Command::Down(_) => "down",
            Command::Redo(_) => "redo",
            Command::Verify(_) => "verify",
            Command::Assert(_) => "assert",
            Command::Compare(_) => "compare",
            Command::Seed(_) => "seed",
            Command::Resolve(_) => "resolve",
            Command::Accept(_) => "accept",
            Command::Baseline(_) => "baseline",
            Command::Adopt(_) => "adopt",
            Command::Drift(_) => "drift",
            Command::Diff(_) => "diff",
            Command::Schema(_) => "schema",
            Command::History(_) => "history",
            Command::Facts(_) => "facts",
            Command::Report(_) => "report",
            Command::Reset(_) => "reset",
            #[cfg(feature = "testing")]
            Command::Test(_) => "test",
        }
    }

    /// True if it ends by itself, in order, when the context says stop.
    pub(super) fn stops_in_order(&self) -> bool {
        matches!(self, Command::Backfill(args) if args.stops_in_order())
    }

    /// True if it may apply any migration of the set, so that none may be unwritten.
    pub(super) fn applies(&self) -> bool {
        match self {
            Command::Up(_) | Command::Redo(_) | Command::Reset(_) => true,
            #[cfg(feature = "testing")]
            Command::Test(_) => true,
            _ => false,
        }
    }

    /// True if it works on the set, so that the folder has to be there.
    pub(super) fn needs_set(&self) -> bool {
        !matches!(self, Command::Compare(_))
    }

    /// Runs it. The future is on the heap: a thread of a service's runtime has a small stack, too small for the
    /// futures of all commands in a debug build.
    pub(super) fn run<'a>(&'a self, context: &'a Context) -> Running<'a> {
        match self {
            Command::Status(args) => Box::pin(args.run(context)),
            Command::Plan(args) => Box::pin(args.run(context)),
            Command::Preflight(args) => Box::pin(args.run(context)),
            Command::Backup(args) => Box::pin(args.run(context)),
            Command::Up(args) => Box::pin(args.run(context)),
            Command::Backfill(args) => Box::pin(args.run(context)),
            Command::Down(args) => Box::pin(args.run(context)),
            Command::Redo(args) => Box::pin(args.run(context)),
            Command::Verify(args) => Box::pin(args.run(context)),
            Command::Assert(args) => Box::pin(args.run(context)),
            Command::Compare(args) => Box::pin(args.run(context)),
            Command::Seed(args) => Box::pin(args.run(context)),
            Command::Resolve(args) => Box::pin(args.run(context)),
            Command::Accept(args) => Box::pin(args.run(context)),
            Command::Baseline(args) => Box::pin(args.run(context)),
            Command::Adopt(args) => Box::pin(args.run(context)),
            Command::Drift(args) => Box::pin(args.run(context)),
            Command::Diff(args) => Box::pin(args.run(context)),
            Command::Schema(args) => Box::pin(args.run(context)),
            Command::History(args) => Box::pin(args.run(context)),
            Command::Facts(args) => Box::pin(args.run(context)),
            Command::Report(args) => Box::pin(args.run(context)),
            Command::Reset(args) => Box::pin(args.run(context)),
            #[cfg(feature = "testing")]
            Command::Test(args) => Box::pin(args.run(context)),
        }
    }
}
