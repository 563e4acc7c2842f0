//! What a report comes to.

use crate::{Outcome, State, Status, StatusRow};
use std::fmt;

/// What a report comes to, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// All migrations of the set are applied.
    UpToDate,
    /// Migrations are pending.
    Pending,
    /// Set and history contradict each other: a run would be refused.
    Refused,
    /// The next migration failed when it was last tried.
    Failed,
    /// A migration stands between two of its statements, and only a look tells whether the next one was done.
    InDoubt,
}

impl Standing {
    pub(super) fn of(status: &Status, is_refused: bool) -> Standing {
        let worst = status.rows.iter().map(|row| of_state(&row.state)).max().unwrap_or(Standing::UpToDate);
        if is_refused { worst.max(Standing::Refused) } else { worst }
    }

    /// A word for programs: `up_to_date`.
    pub fn word(self) -> &'static str {
        match self {
            Standing::UpToDate => "up_to_date",
            Standing::Pending => "pending",
            Standing::Refused => "refused",
            Standing::Failed => "failed",
            Standing::InDoubt => "in_doubt",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Standing::UpToDate => "up to date",
            Standing::Pending => "migrations are pending",
            Standing::Refused => "a run would be refused",
            Standing::Failed => "a migration failed",
            Standing::InDoubt => "a migration is in doubt",
        })
    }
}

fn of_state(state: &State) -> Standing {
    match state {
        State::Interrupted { last: Some(Outcome::Failed { .. }), .. }
        | State::Pending { last: Some(Outcome::Failed { .. }) } => Standing::Failed,
        // What a resolve has settled goes on by itself.
        State::Interrupted { last: Some(Outcome::Done), .. }
        | State::Running(_)
        | State::Pending { .. }
        | State::Outdated { .. } => Standing::Pending,
        State::Interrupted { .. } => Standing::InDoubt,
        State::Applied { .. } => Standing::UpToDate,
    }
}

/// The migration to report first: the one that is in doubt, or failed.
pub(super) fn stopped(status: &Status) -> Option<&StatusRow> {
    let rows = status.rows.iter().filter(|row| of_state(&row.state) >= Standing::Failed);
    rows.max_by_key(|row| of_state(&row.state))
}
