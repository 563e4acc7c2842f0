//! What a history says.

use crate::history::Notice;
use crate::set::Set;
use crate::set::checksum::Checksum;
use crate::set::digest::Digest;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::time::{Duration, SystemTime};

/// The end of a history, as one round trip without a lock shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryHead {
    /// The digest of all that is applied.
    pub digest: Digest,
    /// Where the whole set was once applied and nothing was reverted since: what was applied after that, in order.
    pub since: Option<Vec<AppliedRef>>,
    /// The version of a migration that was begun, or begun to be reverted, and not finished: it is under way, or was
    /// interrupted. Nothing comes after it until it is finished or settled, so the history's end shows it.
    pub interrupted: Option<Version>,
}

impl HistoryHead {
    /// The head of a history that does not exist or is empty.
    pub const NONE: HistoryHead = HistoryHead { digest: Digest::EMPTY, since: None, interrupted: None };

    /// Where the database stands, seen from a set.
    ///
    /// A migration that is newer than all of the set is a newer release's, and so is what becomes of it.
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
                // Repeatable migrations that were applied again since are a newer release's where versions are. One whose text
                // was accepted since has two rows.
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

/// The end of a history under its lock: all that has to be known to apply what is pending, where what is applied is a
/// beginning of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryTail {
    /// The digest of all that is applied.
    pub digest: Digest,
    /// The number of the last row, from which the next ones count on; 0 when there is none.
    pub last_row: i64,
    /// Whether the last row is of an attempt whose end nobody has recorded: its run was killed, or lost its connection.
    pub is_unended: bool,
}

impl HistoryTail {
    /// The end of a history that does not exist or is empty.
    pub const NONE: HistoryTail = HistoryTail { digest: Digest::EMPTY, last_row: 0, is_unended: false };

    /// Where the database stands, seen from a set.
    pub fn position(&self, set: &Set) -> SetPosition {
        HistoryHead { digest: self.digest, ..HistoryHead::NONE }.position(set)
    }
}

/// An applied migration that is newer than all of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRef {
    /// Its version.
    pub version: Version,
    /// Its name when it was applied.
    pub name: String,
}

/// A database's position in a set, as far as one read of the history's end can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetPosition {
    /// All migrations of the set are applied, unchanged, and nothing else.
    UpToDate {
        /// The number of migrations, all applied.
        applied: usize,
    },
    /// The first `applied` migrations of the set are applied, unchanged, and nothing else; the others are pending.
    Behind {
        /// The number of applied migrations.
        applied: usize,
        /// The number of pending ones, at least one.
        pending: usize,
    },
    /// All of the set is applied, unchanged, and newer migrations that the set lacks: a newer release migrated this database.
    Ahead {
        /// The newer migrations, in the order of application.
        newer: Vec<AppliedRef>,
    },
    /// The last migration was begun, or begun to be reverted, and not finished: a run is in progress, or was interrupted.
    Interrupted {
        /// The migration's version.
        version: Version,
    },
    /// The history is no beginning of the set: migrations were edited, are missing, or were applied out of order. Only the whole
    /// history tells which.
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

    /// True if all of the set is applied.
    pub fn is_up_to_date(&self) -> bool {
        self.pending() == Some(0)
    }

    /// The number of applied migrations, if they are the set's first ones and nothing else is applied.
    pub fn applied(&self) -> Option<usize> {
        match self {
            SetPosition::UpToDate { applied } | SetPosition::Behind { applied, .. } => Some(*applied),
            SetPosition::Ahead { .. } | SetPosition::Interrupted { .. } | SetPosition::Diverged => None,
        }
    }

    /// The number of pending migrations, if the history's end tells.
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
    /// When, by the server's clock.
    pub at: SystemTime,
    /// How long it took, by the server's clock.
    pub took: Duration,
    /// Which run applied it.
    pub run: String,
    /// Whether it was marked as applied by a baseline, an adoption or a squash, and not run; what somebody settled by hand was begun by
    /// a run, and does not count as marked.
    pub marked: bool,
    /// Its texts, loaded only where they differ from the set's or the set has none.
    pub kept: Option<Kept>,
}

impl Applied {
    /// An applied migration of which nothing more is known.
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

    /// The same with when and how long, and by which run.
    pub fn with_run(self, run: impl Into<String>, at: SystemTime, took: Duration) -> Applied {
        Applied { run: run.into(), at, took, ..self }
    }

    /// The same as one that was marked and not run.
    pub fn as_marked(self) -> Applied {
        Applied { marked: true, ..self }
    }
}

/// The texts that a history kept of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The up script; none when the migration was marked as applied without its text.
    pub up: Option<String>,
    /// The down script, if it had one.
    pub down: Option<String>,
}

/// A migration that runs statement by statement and was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupted {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Its checksum when it was begun.
    pub checksum: Checksum,
    /// How many of its statements are done for certain; the next may be, or not.
    pub statements_done: usize,
    /// Whether it was being reverted rather than applied.
    pub reverting: bool,
    /// Whether the server answered its last statement with an error. If it did not, that statement is in doubt: it may
    /// have been done, be half done, or still be running.
    pub failed: bool,
    /// The number of its row.
    pub row: i64,
    /// The up script as it was begun, loaded only where the set's is another one.
    pub begun: Option<String>,
}

impl Interrupted {
    /// An interrupted migration.
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

    /// The same, with the number of its row.
    pub fn in_row(self, row: i64) -> Self {
        Interrupted { row, ..self }
    }

    /// The same, stopped by an error of the server's.
    pub fn failed(self) -> Self {
        Interrupted { failed: true, ..self }
    }

    /// The same, interrupted while it was being reverted.
    pub fn reverting(self) -> Self {
        Interrupted { reverting: true, ..self }
    }
}

/// Rows that were deleted from the middle of a history: what is left of it does not make what its end says is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostRows {
    /// The history's table, with its schema.
    pub table: String,
    /// Their numbers: the first and the last of each gap.
    pub rows: Vec<(i64, i64)>,
    /// The names of the migrations that they said were applied, as far as the history's end proves that.
    pub names: Vec<String>,
    /// The statements that let the rows count that are left.
    pub remedy: String,
}

impl LostRows {
    /// These rows of a table.
    pub fn new(table: impl Into<String>, rows: Vec<(i64, i64)>, remedy: impl Into<String>) -> LostRows {
        LostRows { table: table.into(), rows, names: Vec::new(), remedy: remedy.into() }
    }

    /// The same with the names of the migrations of a set whose rows they were: those that make what is applied by the
    /// rest (`state`) what the history's end says.
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

/// All that a history says of one set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryState {
    /// The migrations that count as applied, in the order of their application.
    pub applied: Vec<Applied>,
    /// The migration that was begun and not finished, if there is one.
    pub interrupted: Option<Interrupted>,
    /// The number of the last row, from which the next ones count on; 0 when there is none.
    pub last_row: i64,
    /// What the backend noticed beside the set's own rows.
    pub notices: Vec<Notice>,
    /// Whether the last row is of an attempt whose end nobody has recorded, and that left nothing: its run was killed, or
    /// lost its connection. The next run records that.
    pub is_unended: bool,
    /// Rows that are gone from the middle of the history, where what they said of a migration counts.
    pub lost: Option<LostRows>,
    /// Another tool's history, where nothing was ever applied by this library and the backend was told to look for one.
    #[cfg(feature = "histories")]
    pub foreign: Option<crate::history::foreign::ForeignHistory>,
}

impl HistoryState {
    /// A history of nothing.
    pub const EMPTY: HistoryState = HistoryState {
        applied: Vec::new(),
        interrupted: None,
        last_row: 0,
        notices: Vec::new(),
        is_unended: false,
        lost: None,
        #[cfg(feature = "histories")]
        foreign: None,
    };

    /// The state of a history in which the set's first `count` migrations are applied, unchanged, and nothing else; when
    /// and by whom is left out.
    pub(crate) fn of_beginning(set: &Set, count: usize, end: HistoryTail) -> HistoryState {
        let applied = set.iter().take(count);
        let applied = applied.map(|m| Applied::new(m.version().clone(), m.name(), m.checksum())).collect();
        HistoryState { applied, last_row: end.last_row, is_unended: end.is_unended, ..HistoryState::EMPTY }
    }

    /// How many statements of a migration are done, if it was interrupted.
    pub fn statements_done(&self, version: &Version) -> Option<usize> {
        self.interrupted.as_ref().filter(|i| i.version == *version).map(|i| i.statements_done)
    }

    /// The digest of all that is applied, made anew from the rows.
    pub fn digest(&self) -> Digest {
        self.applied.iter().fold(Digest::EMPTY, |digest, applied| {
            digest + Digest::of_migration(&applied.version, &applied.checksum)
        })
    }

    /// The applied migration of a version.
    pub fn find(&self, version: &Version) -> Option<&Applied> {
        self.applied.iter().find(|applied| applied.version == *version)
    }

    /// The applied migration of the greatest version; a repeatable one only where there is no other.
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
