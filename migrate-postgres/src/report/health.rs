//! The overall health of a database.

use crate::{AttemptOutcome, MigrationStatus, Status, StatusRow};
use std::fmt;

/// The overall health of a database, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DatabaseHealth {
    /// All migrations of the set are applied.
    UpToDate,
    /// Migrations are pending.
    Pending,
    /// Set and history contradict each other: a run would be refused.
    Refused,
    /// The next migration failed at its last attempt.
    Failed,
    /// A migration stopped between two statements, and the outcome of the next one is unknown.
    InDoubt,
}

impl DatabaseHealth {
    pub(super) fn of(status: &Status, is_refused: bool) -> DatabaseHealth {
        let worst =
            status.rows.iter().map(|row| of_state(&row.state)).max().unwrap_or(DatabaseHealth::UpToDate);
        if is_refused { worst.max(DatabaseHealth::Refused) } else { worst }
    }

    /// A machine-readable name: `up_to_date`.
    pub fn word(self) -> &'static str {
        match self {
            DatabaseHealth::UpToDate => "up_to_date",
            DatabaseHealth::Pending => "pending",
            DatabaseHealth::Refused => "refused",
            DatabaseHealth::Failed => "failed",
            DatabaseHealth::InDoubt => "in_doubt",
        }
    }
}

impl fmt::Display for DatabaseHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            DatabaseHealth::UpToDate => "up to date",
            DatabaseHealth::Pending => "migrations are pending",
            DatabaseHealth::Refused => "a run would be refused",
            DatabaseHealth::Failed => "a migration failed",
            DatabaseHealth::InDoubt => "a migration is in doubt",
        })
    }
}

fn of_state(state: &MigrationStatus) -> DatabaseHealth {
    match state {
        MigrationStatus::Interrupted { last: Some(AttemptOutcome::Failed { .. }), .. }
        | MigrationStatus::Pending { last: Some(AttemptOutcome::Failed { .. }) } => DatabaseHealth::Failed,
        // A settled migration resumes by itself.
        MigrationStatus::Interrupted { last: Some(AttemptOutcome::Done), .. }
        | MigrationStatus::Running(_)
        | MigrationStatus::Pending { .. }
        | MigrationStatus::Waiting { .. }
        | MigrationStatus::Outdated { .. } => DatabaseHealth::Pending,
        MigrationStatus::Interrupted { .. } => DatabaseHealth::InDoubt,
        MigrationStatus::Applied { .. } | MigrationStatus::Backfilling { .. } => DatabaseHealth::UpToDate,
    }
}

/// The migration to report first: one that is in doubt, or one that failed.
pub(super) fn stopped(status: &Status) -> Option<&StatusRow> {
    let rows = status.rows.iter().filter(|row| of_state(&row.state) >= DatabaseHealth::Failed);
    rows.max_by_key(|row| of_state(&row.state))
}
