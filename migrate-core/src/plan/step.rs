//! What a plan consists of.

use crate::history::Notice;
use crate::history::{Applied, Interrupted};
use crate::set::checksum::Checksum;
use crate::set::digest::Digest;
use crate::set::migration::{Migration, Payload};
use crate::set::script::Script;
use crate::set::version::Version;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a step does with its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Runs the up script and records the migration as applied.
    Apply,
    /// Runs the down script and records the migration as reverted.
    Revert,
    /// Records the migration as applied and runs nothing.
    Mark,
    /// Records the migration as reverted and runs nothing.
    Unmark,
    /// Moves the checkpoint of an interrupted migration and runs nothing.
    Rewind,
    /// Records that an applied migration's text is another one now, and runs nothing.
    Accept,
}

impl Action {
    /// The word that a history keeps.
    pub fn word(self) -> &'static str {
        match self {
            Action::Apply => "apply",
            Action::Revert => "revert",
            Action::Mark => "mark",
            Action::Unmark => "unmark",
            Action::Rewind => "rewind",
            Action::Accept => "accept",
        }
    }

    /// What was done, for messages.
    pub fn past(self) -> &'static str {
        match self {
            Action::Apply => "applied",
            Action::Revert => "reverted",
            Action::Mark => "marked as applied",
            Action::Unmark => "marked as reverted",
            Action::Rewind => "set to go on at another statement",
            Action::Accept => "accepted with its new text",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Apply, revert or mark one migration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step<'s> {
    /// What is done.
    pub action: Action,
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: Cow<'s, str>,
    /// The migration's checksum; for a revert, the one it was applied with.
    pub checksum: Checksum,
    /// What is run; nothing for the actions that only record.
    pub payload: Option<Payload<'s>>,
    /// The queries that prove it right before it is committed; only for [`Action::Apply`].
    pub verify: Option<&'s Script>,
    /// The up script, for the history to keep.
    pub up: Option<Cow<'s, Script>>,
    /// The down script, for the history to keep.
    pub down: Option<Cow<'s, Script>>,
    /// Whether it changes what counts as applied. Not so where somebody settles by hand what a migration that was
    /// interrupted half-way comes down to.
    pub changes: bool,
    /// The interrupted attempt that it puts an end to.
    pub settles: Option<Settled>,
    /// The applied migrations whose place it takes: the earlier text of a repeatable one, or the range that it replaces.
    /// They count as applied no more.
    pub supersedes: Vec<Superseded>,
    /// For a mark that takes over what another tool has applied: when, and how long it took. Such marks are committed
    /// together.
    pub adopted: Option<Adopted>,
    /// Why it was taken, in the words of whoever took it by hand.
    pub reason: Option<Cow<'s, str>>,
    /// How many of its statements an interrupted attempt has done for certain: it goes on after them.
    pub statements_done: usize,
    /// Whether it goes on with an interrupted attempt.
    pub is_resumed: bool,
}

/// An applied migration whose place a step takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Its version.
    pub version: Version,
    /// The checksum that it was applied with.
    pub checksum: Checksum,
}

/// When another tool applied a migration, as far as it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adopted {
    /// When.
    pub at: Option<SystemTime>,
    /// How long it took.
    pub took: Option<Duration>,
    /// What the backend needs to see whether the other tool's history is still as it was read.
    pub witness: Arc<[String]>,
}

/// An interrupted attempt that a step puts an end to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// The number of its row.
    pub row: i64,
    /// For [`Action::Rewind`]: how many statements are done.
    pub statements_done: usize,
    /// Whether it was a revert.
    pub reverting: bool,
}

impl Settled {
    /// This attempt.
    pub fn of(interrupted: &Interrupted) -> Settled {
        let Interrupted { row, statements_done, reverting, .. } = *interrupted;
        Settled { row, statements_done, reverting }
    }

    /// The same, to go on after so many statements.
    pub fn at(self, statements_done: usize) -> Settled {
        Settled { statements_done, ..self }
    }
}

impl<'s> Step<'s> {
    /// Applies a migration.
    pub fn apply(migration: &'s dyn Migration) -> Step<'s> {
        Step {
            action: Action::Apply,
            verify: migration.verify(),
            payload: Some(migration.up()),
            ..Step::mark(migration)
        }
    }

    /// Records a migration as applied without running it.
    pub fn mark(migration: &'s dyn Migration) -> Step<'s> {
        Step {
            action: Action::Mark,
            version: migration.version().clone(),
            name: Cow::Borrowed(migration.name()),
            checksum: migration.checksum(),
            payload: None,
            verify: None,
            up: migration.up().into_script(),
            down: migration.down().and_then(Payload::into_script),
            changes: true,
            settles: None,
            supersedes: Vec::new(),
            adopted: None,
            reason: None,
            statements_done: 0,
            is_resumed: false,
        }
    }

    /// Records an applied migration's text of today as the one that counts, without running anything. When it was applied,
    /// and whether it was run, stays what it was.
    pub fn accept(migration: &'s dyn Migration, applied: &Applied) -> Step<'s> {
        let accepted = Superseded { version: applied.version.clone(), checksum: applied.checksum };
        Step { action: Action::Accept, ..Step::mark(migration) }.in_place_of(vec![accepted])
    }

    /// Records a migration that was applied with the given checksum as reverted, without running anything.
    pub fn unmark(version: Version, name: impl Into<Cow<'s, str>>, checksum: Checksum) -> Step<'s> {
        Step {
            action: Action::Unmark,
            version,
            name: name.into(),
            checksum,
            payload: None,
            verify: None,
            up: None,
            down: None,
            changes: true,
            settles: None,
            supersedes: Vec::new(),
            adopted: None,
            reason: None,
            statements_done: 0,
            is_resumed: false,
        }
    }

    /// Reverts a migration that was applied with the given checksum.
    pub fn revert(
        version: Version,
        name: impl Into<Cow<'s, str>>,
        checksum: Checksum,
        payload: Payload<'s>,
    ) -> Step<'s> {
        let down = payload.clone().into_script();
        Step { action: Action::Revert, down, payload: Some(payload), ..Step::unmark(version, name, checksum) }
    }

    /// The same step as it goes on after an interrupted attempt.
    pub(crate) fn resumed(self, interrupted: &Interrupted) -> Step<'s> {
        let done = if self.script().is_some() { interrupted.statements_done } else { 0 };
        Step { statements_done: done, is_resumed: true, ..self }
    }

    /// Whether it goes on with an interrupted migration, or puts an end to the attempt.
    pub(crate) fn goes_on_with(&self, interrupted: &Interrupted) -> bool {
        let direction = if interrupted.reverting { Action::Revert } else { Action::Apply };
        self.version == interrupted.version && (self.settles.is_some() || self.action == direction)
    }

    /// The same in the place of applied migrations.
    pub fn in_place_of(self, supersedes: Vec<Superseded>) -> Step<'s> {
        Step { supersedes, ..self }
    }

    /// The same as a migration that another tool has applied.
    pub fn adopted(self, adopted: Adopted, reason: impl Into<Cow<'s, str>>) -> Step<'s> {
        Step { adopted: Some(adopted), reason: Some(reason.into()), ..self }
    }

    /// The script that is run, if any.
    pub fn script(&self) -> Option<&Script> {
        self.payload.as_ref()?.script()
    }

    /// The digest of all that is applied after this step, given the one before it.
    pub fn digest_after(&self, before: Digest) -> Digest {
        if !self.changes {
            return before;
        }
        let own = Digest::of_migration(&self.version, &self.checksum);
        let superseded = self.supersedes.iter().map(|old| Digest::of_migration(&old.version, &old.checksum));
        let before = superseded.fold(before, |digest, old| digest - old);
        match self.action {
            Action::Apply | Action::Mark | Action::Accept => before + own,
            Action::Revert | Action::Unmark => before - own,
            Action::Rewind => before,
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut crate::display::printable::Printable(f);
        write!(f, "{} {}", self.action, self.name)?;
        if self.supersedes.iter().any(|old| old.version == self.version) {
            f.write_str(" again")?;
        }
        match self.reason.as_deref().filter(|_| self.adopted.is_some()) {
            Some(reason) => write!(f, ", {reason}"),
            None => Ok(()),
        }
    }
}

/// A plan's decision: what to do, and what is worth saying though it stops nothing.
#[derive(Clone, Debug)]
pub struct Steps<'s> {
    /// The steps, in order.
    pub steps: Vec<Step<'s>>,
    /// What was noticed.
    pub notices: Vec<Notice>,
}

impl<'s> Steps<'s> {
    /// Nothing to do.
    pub fn none(notices: Vec<Notice>) -> Steps<'s> {
        Steps { steps: Vec::new(), notices }
    }
}
