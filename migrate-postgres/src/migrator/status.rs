//! The status of each migration.

use crate::backend::RunningAttempt;
#[cfg(any(feature = "cli", feature = "report"))]
use crate::error::wording;
use crate::history::{Attempt, AttemptOutcome};
#[cfg(any(feature = "cli", feature = "report"))]
use migrate_core::advice::Left;
use migrate_core::backfill::{BackfillRecord, BackfillState};
#[cfg(any(feature = "cli", feature = "report"))]
use migrate_core::engine::error::Failure;
use migrate_core::history::HistoryState;
use migrate_core::history::Notice;
use migrate_core::plan::{Action, waiting_for};
use migrate_core::{Set, Version};
use std::fmt;
use std::time::{Duration, SystemTime};

/// The status of each migration of a set and of its history.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The set.
    pub set: String,
    /// The migrations, in the order of their versions.
    pub rows: Vec<StatusRow>,
    /// Notices about the history itself: deleted rows.
    pub notices: Vec<Notice>,
}

/// The status of one migration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatusRow {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: MigrationStatus,
}

/// The state of a migration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MigrationStatus {
    /// It is applied.
    Applied {
        /// When it was applied, by the server's clock.
        at: SystemTime,
        /// How long it took, by the server's clock.
        took: Duration,
        /// The program that applied it, or the user if the program gave no name.
        by: String,
        /// True if it was edited after it was applied.
        edited: bool,
        /// True if it is missing from the set.
        unknown: bool,
    },
    /// It is applied, and its backfill has begun and is not finished: it runs, is paused, stopped or canceled,
    /// or has rows in quarantine.
    Backfilling {
        /// When it was applied, by the server's clock.
        at: SystemTime,
        /// The program that applied it, or the user if the program gave no name.
        by: String,
        /// The backfill.
        backfill: Box<BackfillRecord>,
    },
    /// It is not applied, because it waits for a backfill.
    Waiting {
        /// The backfill.
        backfill: Box<BackfillRecord>,
    },
    /// It is repeatable and has changed since it was applied: the next run applies it again.
    Outdated {
        /// When it was applied last, by the server's clock.
        at: SystemTime,
    },
    /// It is not applied.
    Pending {
        /// The outcome of the last attempt, if there was one.
        last: Option<AttemptOutcome>,
    },
    /// A run is applying or reverting it.
    Running(RunningAttempt),
    /// It runs statement by statement, and is unfinished.
    Interrupted {
        /// The number of statements that are known to be done.
        statements_done: usize,
        /// The outcome of the attempt.
        last: Option<AttemptOutcome>,
        /// True if it is half reverted, false if it is half applied.
        reverting: bool,
    },
}

#[cfg(any(feature = "cli", feature = "report"))]
impl StatusRow {
    /// The failure of the last attempt, with as much as its row in the history has. `statements` is the number of statements in
    /// its script.
    pub(crate) fn failure(&self, statements: Option<usize>) -> Option<Failure> {
        let (last, left, action) = match &self.state {
            MigrationStatus::Pending { last: Some(last) } => (last, Left::Nothing, Action::Apply),
            MigrationStatus::Interrupted { statements_done: done, last: Some(last), reverting } => {
                let total = statements.unwrap_or(done + 1);
                let action = if *reverting { Action::Revert } else { Action::Apply };
                (last, Left::Statements { done: *done, total }, action)
            }
            _ => return None,
        };
        let AttemptOutcome::Failed { sqlstate, cause, message, .. } = last else { return None };
        let mut failure = Failure::new(self.version.clone(), self.name.clone(), action, message.clone());
        failure.cause = *cause;
        failure.missing_right = sqlstate.as_deref().and_then(|code| wording::missing_right(code, message));
        failure.code.clone_from(sqlstate);
        failure.left = left;
        Some(failure)
    }
}

impl Status {
    /// The status from the set, the state and the attempts.
    pub(crate) fn of(
        set: &Set,
        state: &HistoryState,
        attempts: &[Attempt],
        running: Option<&RunningAttempt>,
    ) -> Status {
        let mut versions: Vec<(&Version, &str)> = set.iter().map(|m| (m.version(), m.name())).collect();
        let unknown = state.applied.iter().filter(|applied| set.find(&applied.version).is_none());
        versions.extend(unknown.map(|applied| (&applied.version, applied.name.as_str())));
        versions.sort_by(|a, b| a.0.cmp(b.0));
        let row = |(version, name): (&Version, &str)| StatusRow {
            version: version.clone(),
            name: name.to_owned(),
            state: match running.filter(|running| running.version == *version) {
                Some(running) => MigrationStatus::Running(running.clone()),
                None => state_of(set, state, attempts, version),
            },
        };
        Status {
            set: set.name().to_owned(),
            rows: versions.into_iter().map(row).collect(),
            notices: state.notices.clone(),
        }
    }

    /// The migrations that are not applied, in order.
    pub fn pending(&self) -> impl Iterator<Item = &StatusRow> {
        self.rows.iter().filter(|row| !row.state.is_applied())
    }

    /// The migrations that are applied, in order. An outdated repeatable one counts as pending.
    pub fn applied(&self) -> impl Iterator<Item = &StatusRow> {
        self.rows.iter().filter(|row| row.state.is_applied())
    }

    /// The backfills that a runner would work on, each with the row of its migration.
    pub fn backfilling(&self) -> impl Iterator<Item = (&StatusRow, &BackfillRecord)> {
        self.rows.iter().filter_map(|row| match &row.state {
            MigrationStatus::Backfilling { backfill, .. } if !backfill.is_ended() => Some((row, &**backfill)),
            _ => None,
        })
    }

    /// The migration that a run is applying or reverting.
    pub fn running(&self) -> Option<&RunningAttempt> {
        self.rows.iter().find_map(|row| match &row.state {
            MigrationStatus::Running(running) => Some(running),
            _ => None,
        })
    }
}

impl MigrationStatus {
    /// True if the migration is applied, even if its backfill is not finished.
    pub fn is_applied(&self) -> bool {
        matches!(self, MigrationStatus::Applied { .. } | MigrationStatus::Backfilling { .. })
    }

    /// True if the migration failed or was interrupted.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(
            self,
            MigrationStatus::Interrupted { .. }
                | MigrationStatus::Pending {
                    last: Some(
                        AttemptOutcome::Failed { .. }
                            | AttemptOutcome::Unfinished { .. }
                            | AttemptOutcome::Interrupted { .. }
                    )
                }
        )
    }
}

fn state_of(set: &Set, state: &HistoryState, attempts: &[Attempt], version: &Version) -> MigrationStatus {
    let last = attempts.iter().rev().find(|attempt| attempt.version == *version);
    if let Some(interrupted) = state.interrupted.as_ref().filter(|i| i.version == *version) {
        let open = attempts.iter().rev().find(|attempt| attempt.number == interrupted.row);
        let last = open.or(last).map(|attempt| attempt.outcome.clone());
        let (statements_done, reverting) = (interrupted.statements_done, interrupted.reverting);
        return MigrationStatus::Interrupted { statements_done, last, reverting };
    }
    let Some(applied) = state.find(version) else {
        let last =
            last.filter(|attempt| attempt.action != Action::Revert).map(|attempt| attempt.outcome.clone());
        if let Some(backfill) = set.find(version).and_then(|migration| waiting_for(state, migration)) {
            return MigrationStatus::Waiting { backfill: Box::new(backfill.clone()) };
        }
        return MigrationStatus::Pending { last };
    };
    let by = attempts.iter().rev().find(|attempt| attempt.live && attempt.version == *version);
    let by = by.map_or("", |attempt| if attempt.program.is_empty() { &attempt.by } else { &attempt.program });
    let migration = set.find(version);
    let edited = migration.is_some_and(|migration| migration.checksum() != applied.checksum);
    if edited && version.is_repeatable() {
        return MigrationStatus::Outdated { at: applied.at };
    }
    if let Some(backfill) = state.backfill(version).filter(|backfill| !backfill.is_finished()) {
        let (by, backfill) = (by.to_owned(), Box::new(backfill.clone()));
        return MigrationStatus::Backfilling { at: applied.at, by, backfill };
    }
    MigrationStatus::Applied {
        at: applied.at,
        took: applied.took,
        by: by.to_owned(),
        edited,
        unknown: migration.is_none(),
    }
}

/// The state of a backfill that is not finished: `backfilling 43 %`.
fn write_backfill(f: &mut impl fmt::Write, backfill: &BackfillRecord) -> fmt::Result {
    let percent = backfill.percent();
    match backfill.state {
        BackfillState::Running => write!(f, "backfilling {percent} %")?,
        BackfillState::Paused => write!(f, "backfill paused at {percent} %")?,
        BackfillState::Stopped => write!(f, "backfill stopped at {percent} %")?,
        BackfillState::Cancelled => write!(f, "backfill canceled at {percent} %")?,
        _ => f.write_str("backfilled")?,
    }
    match backfill.quarantined {
        0 => Ok(()),
        rows => write!(f, ", quarantined {rows}"),
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl fmt::Display for MigrationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match self {
            MigrationStatus::Applied { unknown: true, .. } => f.write_str("applied, not in the binary"),
            MigrationStatus::Applied { edited: true, .. } => f.write_str("applied, edited since"),
            MigrationStatus::Applied { .. } => f.write_str("applied"),
            MigrationStatus::Backfilling { backfill, .. } => write_backfill(f, backfill),
            MigrationStatus::Waiting { backfill } => {
                write!(f, "waits for the backfill of {}", backfill.name)
            }
            MigrationStatus::Outdated { .. } => {
                f.write_str("changed since it was applied, to be applied again")
            }
            MigrationStatus::Pending { last: Some(outcome @ AttemptOutcome::Failed { .. }) } => {
                write!(f, "pending, {outcome}")
            }
            MigrationStatus::Pending { .. } => f.write_str("pending"),
            MigrationStatus::Running(running) => write!(f, "{running}"),
            MigrationStatus::Interrupted { statements_done, reverting, .. } => {
                let (of, s) = (if *reverting { " of its revert" } else { "" }, plural(*statements_done));
                write!(f, "interrupted after {statements_done} statement{s}{of}")
            }
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        for (index, row) in self.rows.iter().enumerate() {
            let line_feed = if index == 0 { "" } else { "\n" };
            write!(f, "{line_feed}{:width$}  {}", row.name, row.state)?;
        }
        self.notices.iter().try_for_each(|notice| write!(f, "\n{notice}"))
    }
}
