//! Refusals: the reasons why a plan can't be made.

mod diff;
mod explain;
mod interruption;
mod kind;
#[cfg(test)]
mod tests;

pub(crate) use diff::Diff;
pub use interruption::Interruption;
pub use kind::RefusedKind;

use crate::backfill::BackfillState;
use crate::history::{AppliedRef, Interrupted, LostRows};
use crate::set::checksum::Checksum;
use crate::set::version::Version;
use std::time::Duration;

/// A statement of a pending migration that is refused for what lint finds in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RiskyStatement {
    /// The name of the migration.
    pub name: String,
    /// The place, the risk, the message and the rule, as one line.
    pub finding: String,
}

impl RiskyStatement {
    /// Creates one.
    pub fn new(name: impl Into<String>, finding: impl Into<String>) -> RiskyStatement {
        RiskyStatement { name: name.into(), finding: finding.into() }
    }
}

/// A refusal: the history and the set contradict each other, or the request can't be fulfilled. Nothing was
/// changed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// An applied migration was edited.
    Edited {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
        /// Its name when it was applied.
        applied_name: String,
        /// The checksum it was applied with.
        applied: Checksum,
        /// The checksum it has now.
        now: Checksum,
        /// The change of the text; empty if the history did not store it.
        diff: Diff,
    },

    /// An edit can't be accepted: it changed statements, not only comments and formatting.
    OtherStatements {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
        /// The change of the text; empty if the history did not store it.
        diff: Diff,
    },

    /// An edit can't be accepted: the migration is not applied.
    NotApplied {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
    },

    /// An applied migration is missing from the set, which has newer ones.
    Missing {
        /// The missing version.
        version: Version,
        /// Its name when it was applied.
        name: String,
        /// The newest migration of the set.
        newest: String,
        /// The name of a pending migration of the set with the same text.
        renumbered: Option<String>,
        /// True if it was applied by Rust code, which another program may contain without a file.
        is_code: bool,
    },

    /// A migration replaces a range of others, of which some are applied and the others are missing from the
    /// set.
    PartlyReplaced {
        /// The version of the migration that replaces them.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the last migration of the range that is applied.
        applied: String,
        /// The last version of the range, which is not applied.
        missing: Version,
    },

    /// A migration is pending although a later one is applied.
    OutOfOrder {
        /// The pending version.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the applied migration that follows it in order.
        after: String,
        /// An applied migration with the same text that the set does not have.
        applied_as: Option<Box<AppliedRef>>,
    },

    /// The database has migrations from a newer release, and the policy is to refuse that.
    Ahead {
        /// The names of the newer migrations.
        newer: Vec<String>,
    },

    /// A migration waits for a backfill, and the policy is to refuse that.
    BackfillUnfinished {
        /// The version of the migration that waits.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the migration with the backfill.
        backfill: String,
        /// The version of that migration.
        backfill_version: String,
        /// The state of the backfill; `None` if it has not begun.
        state: Option<BackfillState>,
        /// The progress of the backfill: `43 % done`.
        status: String,
        /// The number of rows left, by the estimate.
        rows_left: Option<u64>,
        /// The time that they take at the pace so far.
        eta: Option<Duration>,
    },

    /// Pending migrations have findings that nobody has accepted.
    Risky {
        /// The lowest risk that is refused: `very-risky`.
        risk: &'static str,
        /// The statements, in order.
        statements: Vec<RiskyStatement>,
    },

    /// A migration to revert has no down script, neither in the set nor in the history.
    NoDown {
        /// The version without one.
        version: Version,
        /// Its name.
        name: String,
    },

    /// Migrations to run are Rust code, and this program was not compiled with it.
    CodeMissing {
        /// Each migration's name, and the file of its code.
        migrations: Vec<(String, String)>,
    },

    /// A migration to revert is Rust code, and this program has neither the code nor its file.
    CodeGone {
        /// Its name.
        name: String,
    },

    /// A stored down script can't be run.
    KeptDown {
        /// Its name.
        name: String,
        /// The fault in it.
        problem: String,
    },

    /// Neither the set nor the history has the given version.
    UnknownVersion {
        /// The requested version.
        version: Version,
        /// The name of the last existing migration.
        last: Option<String>,
    },

    /// No migration applied by the run to revert is still applied.
    UnknownRun {
        /// The requested run.
        run: String,
        /// The run that made the last change.
        last: Option<String>,
    },

    /// The run to revert marked migrations as applied and ran none: a baseline or an adoption.
    MarkedRun {
        /// The run.
        run: String,
    },

    /// Migrations to revert were marked as applied, not run by this library.
    Marked {
        /// Their names, in the order of reverting.
        names: Vec<String>,
    },

    /// The migrations to revert are not those that were shown and confirmed.
    NotAsShown,

    /// A run can't be reverted: the history does not record runs.
    NoRuns,

    /// A run can't be reverted: later runs have applied migrations after it.
    RunBeneath {
        /// The requested run.
        run: String,
        /// The number of migrations that other runs have applied after it.
        later: usize,
        /// The name of the first of them.
        first: String,
    },

    /// Rows were deleted from the middle of the history, and the remaining rows do not add up to the digest
    /// at its end: a run would apply their migrations a second time.
    RowsLost {
        /// The missing rows.
        lost: LostRows,
    },

    /// A baseline was requested, but migrations are already applied.
    NotEmpty {
        /// The number of applied migrations.
        applied: usize,
        /// The name of the last one.
        last: String,
    },

    /// A migration can't resume at a statement: it was not interrupted.
    NotInterrupted {
        /// The version.
        version: Version,
        /// Its name.
        name: String,
        /// True if it is applied.
        applied: bool,
    },

    /// A migration can't resume at a statement that its script does not have.
    NoSuchStatement {
        /// Its name.
        name: String,
        /// The requested statement, starting at 1.
        statement: usize,
        /// The number of statements.
        statements: usize,
    },

    /// Another tool's history can't be taken over.
    #[cfg(feature = "histories")]
    UnusableHistory(crate::history::foreign::UnusableHistory),

    /// A migration that runs statement by statement is unfinished, and was edited or removed since, or
    /// another action was requested before it was finished.
    Interrupted {
        /// The version.
        version: Version,
        /// Its name.
        name: String,
        /// The number of finished statements.
        statements_done: usize,
        /// The reason why it can't resume.
        problem: Interruption,
    },
}

crate::display_as_explained!(Refused);

impl std::error::Error for Refused {}

#[cfg(feature = "histories")]
impl From<crate::history::foreign::UnusableHistory> for Refused {
    fn from(unusable: crate::history::foreign::UnusableHistory) -> Refused {
        Refused::UnusableHistory(unusable)
    }
}

impl Refused {
    /// The refusal of any other request while a migration is interrupted.
    pub fn unfinished(interrupted: &Interrupted) -> Refused {
        let problem = if interrupted.reverting { Interruption::Reverting } else { Interruption::Applying };
        Refused::interrupted(interrupted, problem)
    }

    /// The refusal to resume an interrupted migration.
    pub(crate) fn interrupted(interrupted: &Interrupted, problem: Interruption) -> Refused {
        Refused::Interrupted {
            version: interrupted.version.clone(),
            name: interrupted.name.clone(),
            statements_done: interrupted.statements_done,
            problem,
        }
    }
}
