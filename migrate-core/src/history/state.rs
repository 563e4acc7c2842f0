//! The state of a history: the applied migrations, and the position that they give the database.

use crate::backfill::BackfillRecord;
use crate::history::Notice;
use crate::set::Set;
use crate::set::checksum::Checksum;
use crate::set::digest::Digest;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::time::{Duration, SystemTime};

/// The end of a history, read in one round trip without a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryHead {
    /// The digest of all applied migrations.
    pub digest: Digest,
    /// The migrations applied after the whole set was, in order; `None` unless the whole set was applied once
    /// and nothing was reverted since.
    pub since: Option<Vec<AppliedRef>>,
    /// The version of a migration whose apply or revert was begun and not finished: it is in progress, or was
    /// interrupted. No other migration can follow until it is finished or settled, so the history's end shows
    /// it.
    pub interrupted: Option<Version>,
}

impl HistoryHead {
    /// The head of a history that does not exist or is empty.
    pub const NONE: HistoryHead = HistoryHead { digest: Digest::EMPTY, since: None, interrupted: None };

    /// The database's position in a set.
    ///
    /// A migration that is newer than the whole set belongs to a newer release, and so does anything that
    /// happens to it.
    pub fn position(&self, set: &Set) -> SetPosition {
        if let Some(version) =
            self.interrupted.as_ref().filter(|version| Some(*version) <= set.last_version())
        {
            return SetPosition::Interrupted { version: version.clone() };
        }
        if let Some(applied) = set.digests().position(&self.digest) {
            return SetPosition::at(applied, set.len());
        }
        match &self.since {
            Some(newer) => {
                // A repeatable migration applied again since then belongs to a newer release if a version
                // does. One whose text was accepted since then has two rows.
                let mut newer: Vec<AppliedRef> =
                    newer.iter().filter(|n| !n.version.is_repeatable()).cloned().collect();
                let mut seen = std::collections::HashSet::new();
                newer.retain(|newer| seen.insert(newer.version.clone()));
                let is_ahead = newer.iter().all(|newer| Some(&newer.version) > set.last_version());
                if is_ahead && !newer.is_empty() {
                    SetPosition::Ahead { newer }
                } else {
                    SetPosition::Diverged
                }
            }
            None => SetPosition::Diverged,
        }
    }
}

/// The end of a history, read under its lock: everything needed to apply pending migrations if the applied
/// ones are a prefix of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryTail {
    /// The digest of all applied migrations.
    pub digest: Digest,
    /// The number of the last row; new rows continue from it. 0 if there is none.
    pub last_row: i64,
    /// True if the last row belongs to an attempt whose end was not recorded: its run was killed, or lost its
    /// connection.
    pub is_unended: bool,
}

impl HistoryTail {
    /// The end of a history that does not exist or is empty.
    pub const NONE: HistoryTail = HistoryTail { digest: Digest::EMPTY, last_row: 0, is_unended: false };

    /// The database's position in a set.
    pub fn position(&self, set: &Set) -> SetPosition {
        HistoryHead { digest: self.digest, ..HistoryHead::NONE }.position(set)
    }
}

/// An applied migration that is newer than the whole set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRef {
    /// Its version.
    pub version: Version,
    /// Its name when it was applied.
    pub name: String,
}

/// A database's position in a set, as far as one read of the history's end shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetPosition {
    /// All migrations of the set are applied, unchanged, and no others.
    UpToDate {
        /// The number of migrations, all applied.
        applied: usize,
    },
    /// The first `applied` migrations of the set are applied, unchanged, and no others; the rest is pending.
    Behind {
        /// The number of applied migrations.
        applied: usize,
        /// The number of pending ones, at least one.
        pending: usize,
    },
    /// The whole set is applied, unchanged, along with newer migrations that it lacks: a newer release
    /// migrated this database.
    Ahead {
        /// The newer migrations, in the order in which they were applied.
        newer: Vec<AppliedRef>,
    },
    /// The apply or revert of the last migration was begun and not finished: a run is in progress, or was
    /// interrupted.
    Interrupted {
        /// The migration's version.
        version: Version,
    },
    /// The history is not a prefix of the set: migrations were edited, are missing, or were applied out of
    /// order. Only the whole history tells which.
    Diverged,
}

impl SetPosition {
    /// The position after the first `applied` of `total` migrations.
    pub const fn at(applied: usize, total: usize) -> SetPosition {
        match total.saturating_sub(applied) {
            0 => SetPosition::UpToDate { applied },
            pending => SetPosition::Behind { applied, pending },
        }
    }

    /// True if the whole set is applied.
    pub fn is_up_to_date(&self) -> bool {
        self.pending() == Some(0)
    }

    /// The number of applied migrations, if they are a prefix of the set and no others are applied.
    pub fn applied(&self) -> Option<usize> {
        match self {
            SetPosition::UpToDate { applied } | SetPosition::Behind { applied, .. } => Some(*applied),
            SetPosition::Ahead { .. } | SetPosition::Interrupted { .. } | SetPosition::Diverged => None,
        }
    }

    /// The number of pending migrations, if the history's end shows it.
    pub fn pending(&self) -> Option<usize> {
        match self {
            SetPosition::UpToDate { .. } | SetPosition::Ahead { .. } => Some(0),
            SetPosition::Behind { pending, .. } => Some(*pending),
            SetPosition::Interrupted { .. } | SetPosition::Diverged => None,
        }
    }
}

/// One migration that counts as applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Its version.
    pub version: Version,
    /// Its name when it was applied.
    pub name: String,
    /// Its checksum when it was applied.
    pub checksum: Checksum,
    /// The time of the application, by the server's clock.
    pub at: SystemTime,
    /// The duration of the application, by the server's clock.
    pub took: Duration,
    /// The run that applied it.
    pub run: String,
    /// True if a baseline, an adoption or a squash marked it as applied without running it. A migration that
    /// a run began and an operator settled does not count as marked.
    pub marked: bool,
    /// Its texts, loaded only if they differ from the set's or the set has none.
    pub kept: Option<Kept>,
}

impl Applied {
    /// Creates an applied migration with only its identity known.
    pub fn new(version: Version, name: impl Into<String>, checksum: Checksum) -> Applied {
        Applied {
            version,
            name: name.into(),
            checksum,
            at: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            run: String::new(),
            marked: false,
            kept: None,
        }
    }

    /// Adds the run, the time and the duration.
    pub fn with_run(self, run: impl Into<String>, at: SystemTime, took: Duration) -> Applied {
        Applied { run: run.into(), at, took, ..self }
    }

    /// Turns it into one that was marked and not run.
    pub fn as_marked(self) -> Applied {
        Applied { marked: true, ..self }
    }
}

/// The texts of a migration that a history stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The up script; `None` if the migration was marked as applied without its text.
    pub up: Option<String>,
    /// The down script, if it had one.
    pub down: Option<String>,
}

/// An unfinished migration that runs statement by statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupted {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Its checksum when it was begun.
    pub checksum: Checksum,
    /// The number of statements that are certainly done; the next one may or may not be.
    pub statements_done: usize,
    /// True if it was being reverted, not applied.
    pub reverting: bool,
    /// True if the server answered its last statement with an error. If not, the outcome of that statement is
    /// unknown: it may be done, half done, or still running.
    pub failed: bool,
    /// The number of its row.
    pub row: i64,
    /// The up script with which it was begun, loaded only if it differs from the set's.
    pub begun: Option<String>,
}

impl Interrupted {
    /// Creates an interrupted migration.
    pub fn new(
        version: Version,
        name: impl Into<String>,
        checksum: Checksum,
        statements_done: usize,
    ) -> Self {
        Interrupted {
            version,
            name: name.into(),
            checksum,
            statements_done,
            reverting: false,
            failed: false,
            row: 0,
            begun: None,
        }
    }

    /// Sets the number of its row.
    pub fn in_row(self, row: i64) -> Self {
        Interrupted { row, ..self }
    }

    /// Records that an error from the server stopped it.
    pub fn failed(self) -> Self {
        Interrupted { failed: true, ..self }
    }

    /// Records that it was interrupted while being reverted.
    pub fn reverting(self) -> Self {
        Interrupted { reverting: true, ..self }
    }
}

/// Rows deleted from the middle of a history, so that the remaining ones do not add up to the digest at its
/// end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostRows {
    /// The history's table, with its schema.
    pub table: String,
    /// The numbers of the missing rows: the first and the last of each gap.
    pub rows: Vec<(i64, i64)>,
    /// The names of the migrations that the missing rows recorded as applied, as far as the history's end
    /// proves it.
    pub names: Vec<String>,
    /// The statements that make the remaining rows valid.
    pub remedy: String,
}

impl LostRows {
    /// Creates a loss of these rows of a table.
    pub fn new(table: impl Into<String>, rows: Vec<(i64, i64)>, remedy: impl Into<String>) -> LostRows {
        LostRows { table: table.into(), rows, names: Vec::new(), remedy: remedy.into() }
    }

    /// Names the migrations of a set that the missing rows recorded: those that, together with the remaining
    /// rows (`state`), give the digest at the history's end.
    pub fn of_set(self, set: &Set, state: &HistoryState, end: Digest) -> LostRows {
        let own = |m: &dyn Migration| Digest::of_migration(m.version(), &m.checksum());
        let missing: Vec<&dyn Migration> = set.iter().filter(|m| state.find(m.version()).is_none()).collect();
        let gap = end - state.digest();
        let sum = |count: usize| missing[..count].iter().fold(Digest::EMPTY, |sum, m| sum + own(*m));
        let alone = missing.iter().position(|m| own(*m) == gap).map(|index| &missing[index..=index]);
        let first = || (1..=missing.len()).find(|count| sum(*count) == gap).map(|count| &missing[..count]);
        let names = alone.or_else(first).unwrap_or_default();
        LostRows { names: names.iter().map(|m| m.name().to_owned()).collect(), ..self }
    }
}

/// Everything that a history records about one set.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryState {
    /// The applied migrations, in the order in which they were applied.
    pub applied: Vec<Applied>,
    /// The unfinished migration, if any.
    pub interrupted: Option<Interrupted>,
    /// The number of the last row; new rows continue from it. 0 if there is none.
    pub last_row: i64,
    /// Remarks of the backend beyond the set's own rows.
    pub notices: Vec<Notice>,
    /// True if the last row belongs to an attempt whose end was not recorded and that left nothing behind:
    /// its run was killed, or lost its connection. The next run records that.
    pub is_unended: bool,
    /// The backfills that were begun, in order. Those of a migration that runs as a whole are not among them.
    pub backfills: Vec<BackfillRecord>,
    /// Rows missing from the middle of the history, if their content still matters.
    pub lost: Option<LostRows>,
    /// Another tool's history, if this library never applied anything and the backend was told to look for
    /// one.
    #[cfg(feature = "histories")]
    pub foreign: Option<crate::history::foreign::ForeignHistory>,
}

impl HistoryState {
    /// The state of an empty history.
    pub const EMPTY: HistoryState = HistoryState {
        applied: Vec::new(),
        interrupted: None,
        last_row: 0,
        notices: Vec::new(),
        is_unended: false,
        backfills: Vec::new(),
        lost: None,
        #[cfg(feature = "histories")]
        foreign: None,
    };

    /// The state of a history in which the first `count` migrations of the set are applied, unchanged, and no
    /// others; without times and runs.
    pub(crate) fn of_beginning(set: &Set, count: usize, end: HistoryTail) -> HistoryState {
        let applied = set.iter().take(count);
        let applied = applied.map(|m| Applied::new(m.version().clone(), m.name(), m.checksum())).collect();
        HistoryState { applied, last_row: end.last_row, is_unended: end.is_unended, ..HistoryState::EMPTY }
    }

    /// The number of finished statements of a migration, if it was interrupted.
    pub fn statements_done(&self, version: &Version) -> Option<usize> {
        self.interrupted.as_ref().filter(|i| i.version == *version).map(|i| i.statements_done)
    }

    /// The digest of all applied migrations, recomputed from the rows.
    pub fn digest(&self) -> Digest {
        self.applied.iter().fold(Digest::EMPTY, |digest, applied| {
            digest + Digest::of_migration(&applied.version, &applied.checksum)
        })
    }

    /// The backfill of a version, if it was begun.
    pub fn backfill(&self, version: &Version) -> Option<&BackfillRecord> {
        self.backfills.iter().find(|record| record.version == *version.canonical())
    }

    /// The applied migration with this version.
    pub fn find(&self, version: &Version) -> Option<&Applied> {
        self.applied.iter().find(|applied| applied.version == *version)
    }

    /// The applied migration with the greatest version; a repeatable one only if there is no other.
    pub fn last(&self) -> Option<&Applied> {
        self.applied.iter().max_by_key(|applied| (!applied.version.is_repeatable(), &applied.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::migration::SqlMigration;
    use crate::set::script::Script;
    use std::sync::Arc;

    #[test]
    fn the_state_of_a_beginning_has_its_migrations_and_the_end_of_its_history() {
        let migration = |number: &'static str| {
            let up = Script::of_text(number, "SELECT 1".to_owned()).unwrap();
            Arc::new(SqlMigration::new(Version::numeric(number), number, up)) as Arc<dyn Migration>
        };
        let set = Set::new("app", ["1", "2", "3"].map(migration).into()).unwrap();
        let end = HistoryTail { digest: set.digests().of_first(2), last_row: 7, is_unended: true };
        let state = HistoryState::of_beginning(&set, 2, end);
        assert_eq!((state.digest(), state.last_row, state.is_unended), (set.digests().of_first(2), 7, true));
        assert_eq!(state.applied.iter().map(|applied| applied.name.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn an_applied_migration_knows_by_which_run_when_and_how_long() {
        let applied = Applied::new(Version::numeric("1"), "1_a", Checksum::of("A"));
        assert_eq!((applied.marked, applied.clone().as_marked().marked), (false, true));
        let (at, took) = (SystemTime::UNIX_EPOCH + Duration::from_secs(9), Duration::from_secs(3));
        let applied = applied.with_run("run", at, took);
        assert_eq!((applied.run.as_str(), applied.at, applied.took), ("run", at, took));
    }
}
