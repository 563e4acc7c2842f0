//! The kind of a refusal, with a stable word for each.

use super::Refused;

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RefusedKind {
    /// An applied migration was edited.
    Edited,
    /// An edit changed statements.
    OtherStatements,
    /// The migration is not applied.
    NotApplied,
    /// The set lacks an applied migration.
    Missing,
    /// A range of migrations is replaced, and some of it is not applied.
    PartlyReplaced,
    /// A migration is pending although a later one is applied.
    OutOfOrder,
    /// The database has migrations from a newer release.
    Ahead,
    /// A migration waits for a backfill.
    BackfillUnfinished,
    /// Pending migrations have findings that nobody has accepted.
    Risky,
    /// A migration has no down script.
    NoDown,
    /// This program was not compiled with the code of a migration.
    CodeMissing,
    /// This program does not have the code of a migration to revert.
    CodeGone,
    /// A stored down script can't be run.
    KeptDown,
    /// No migration has the given version.
    UnknownVersion,
    /// None of the run's migrations is still applied.
    UnknownRun,
    /// The run marked migrations as applied.
    MarkedRun,
    /// Migrations were marked as applied.
    Marked,
    /// The migrations to revert are not those that were shown.
    NotAsShown,
    /// The history does not record runs.
    NoRuns,
    /// Later runs have applied migrations.
    RunBeneath,
    /// Rows of the history were deleted.
    RowsLost,
    /// The database has a history already.
    NotEmpty,
    /// The migration was not interrupted.
    NotInterrupted,
    /// The script has no such statement.
    NoSuchStatement,
    /// Another tool's history can't be taken over.
    UnusableHistory,
    /// A migration is unfinished.
    Interrupted,
}

impl RefusedKind {
    /// The identifier for JSON and for labels.
    pub fn word(self) -> &'static str {
        match self {
            RefusedKind::Edited => "edited",
            RefusedKind::OtherStatements => "other_statements",
            RefusedKind::NotApplied => "not_applied",
            RefusedKind::Missing => "missing",
            RefusedKind::PartlyReplaced => "partly_replaced",
            RefusedKind::OutOfOrder => "out_of_order",
            RefusedKind::Ahead => "ahead",
            RefusedKind::BackfillUnfinished => "backfill_unfinished",
            RefusedKind::Risky => "risky",
            RefusedKind::NoDown => "no_down",
            RefusedKind::CodeMissing => "code_missing",
            RefusedKind::CodeGone => "code_gone",
            RefusedKind::KeptDown => "kept_down",
            RefusedKind::UnknownVersion => "unknown_version",
            RefusedKind::UnknownRun => "unknown_run",
            RefusedKind::MarkedRun => "marked_run",
            RefusedKind::Marked => "marked",
            RefusedKind::NotAsShown => "not_as_shown",
            RefusedKind::NoRuns => "no_runs",
            RefusedKind::RunBeneath => "run_beneath",
            RefusedKind::RowsLost => "rows_lost",
            RefusedKind::NotEmpty => "not_empty",
            RefusedKind::NotInterrupted => "not_interrupted",
            RefusedKind::NoSuchStatement => "no_such_statement",
            RefusedKind::UnusableHistory => "unusable_history",
            RefusedKind::Interrupted => "interrupted_migration",
        }
    }
}

impl Refused {
    /// The kind of the refusal.
    pub fn kind(&self) -> RefusedKind {
        match self {
            Refused::Edited { .. } => RefusedKind::Edited,
            Refused::OtherStatements { .. } => RefusedKind::OtherStatements,
            Refused::NotApplied { .. } => RefusedKind::NotApplied,
            Refused::Missing { .. } => RefusedKind::Missing,
            Refused::PartlyReplaced { .. } => RefusedKind::PartlyReplaced,
            Refused::OutOfOrder { .. } => RefusedKind::OutOfOrder,
            Refused::Ahead { .. } => RefusedKind::Ahead,
            Refused::BackfillUnfinished { .. } => RefusedKind::BackfillUnfinished,
            Refused::Risky { .. } => RefusedKind::Risky,
            Refused::NoDown { .. } => RefusedKind::NoDown,
            Refused::CodeMissing { .. } => RefusedKind::CodeMissing,
            Refused::CodeGone { .. } => RefusedKind::CodeGone,
            Refused::KeptDown { .. } => RefusedKind::KeptDown,
            Refused::UnknownVersion { .. } => RefusedKind::UnknownVersion,
            Refused::UnknownRun { .. } => RefusedKind::UnknownRun,
            Refused::MarkedRun { .. } => RefusedKind::MarkedRun,
            Refused::Marked { .. } => RefusedKind::Marked,
            Refused::NotAsShown => RefusedKind::NotAsShown,
            Refused::NoRuns => RefusedKind::NoRuns,
            Refused::RunBeneath { .. } => RefusedKind::RunBeneath,
            Refused::RowsLost { .. } => RefusedKind::RowsLost,
            Refused::NotEmpty { .. } => RefusedKind::NotEmpty,
            Refused::NotInterrupted { .. } => RefusedKind::NotInterrupted,
            Refused::NoSuchStatement { .. } => RefusedKind::NoSuchStatement,
            #[cfg(feature = "histories")]
            Refused::UnusableHistory(_) => RefusedKind::UnusableHistory,
            Refused::Interrupted { .. } => RefusedKind::Interrupted,
        }
    }
}
