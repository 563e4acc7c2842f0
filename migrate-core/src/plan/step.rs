//! Steps: the elements of a plan.

use crate::history::Notice;
use crate::history::{Applied, Interrupted};
use crate::set::checksum::Checksum;
use crate::set::code::Code;
use crate::set::digest::Digest;
use crate::set::migration::{Migration, Payload};
use crate::set::options::Options;
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::TransactionMode;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The action of a step on its migration.
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
    /// Records that the text of an applied migration has changed, and runs nothing.
    Accept,
}

impl Action {
    /// The identifier stored in the history.
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

    /// The past participle, for messages.
    pub fn past(self) -> &'static str {
        match self {
            Action::Apply => "applied",
            Action::Revert => "reverted",
            Action::Mark => "marked as applied",
            Action::Unmark => "marked as reverted",
            Action::Rewind => "set to resume at another statement",
            Action::Accept => "accepted with its new text",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One action on one migration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step<'s> {
    /// The action.
    pub action: Action,
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: Cow<'s, str>,
    /// The migration's checksum; for a revert, the one it was applied with.
    pub checksum: Checksum,
    /// The work to run; `None` for actions that only record.
    pub payload: Option<Payload<'s>>,
    /// The queries that verify the migration before it is committed; only for [`Action::Apply`].
    pub verify: Option<&'s Script>,
    /// The up script to store in the history.
    pub up: Option<Cow<'s, Script>>,
    /// The down script to store in the history.
    pub down: Option<Cow<'s, Script>>,
    /// True if the step changes which migrations count as applied. False if an operator settles a migration
    /// that was interrupted halfway.
    pub changes: bool,
    /// The interrupted attempt that the step ends.
    pub settles: Option<Settled>,
    /// The version of the backfill that has to be finished before the step is taken.
    pub after: Option<Version>,
    /// The applied migrations that it supersedes: the earlier text of a repeatable one, or the range that it
    /// replaces. They no longer count as applied.
    pub supersedes: Vec<Superseded>,
    /// For a mark that adopts another tool's migration: the time and the duration. Such marks are committed
    /// together.
    pub adopted: Option<Adopted>,
    /// The reason that the operator gave.
    pub reason: Option<Cow<'s, str>>,
    /// The number of statements that an interrupted attempt certainly finished: the step continues after
    /// them.
    pub statements_done: usize,
    /// True if it resumes an interrupted attempt.
    pub is_resumed: bool,
}

/// An applied migration that a step supersedes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Its version.
    pub version: Version,
    /// The checksum that it was applied with.
    pub checksum: Checksum,
}

/// The time and the duration of another tool's application, if it stores them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adopted {
    /// The time of the application.
    pub at: Option<SystemTime>,
    /// Its duration.
    pub took: Option<Duration>,
    /// The backend's evidence that the other tool's history is unchanged since it was read.
    pub witness: Arc<[String]>,
}

/// An interrupted attempt that a step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// The number of its row.
    pub row: i64,
    /// For [`Action::Rewind`]: the number of finished statements.
    pub statements_done: usize,
    /// True if it was a revert.
    pub reverting: bool,
}

impl Settled {
    /// Refers to this attempt.
    pub fn of(interrupted: &Interrupted) -> Settled {
        let Interrupted { row, statements_done, reverting, .. } = *interrupted;
        Settled { row, statements_done, reverting }
    }

    /// Sets the number of statements after which the attempt resumes.
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
            payload: Some(migration.up().whole()),
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
            up: migration.up().stored(),
            down: migration.down().and_then(Payload::stored),
            changes: true,
            settles: None,
            after: migration.after(),
            supersedes: Vec::new(),
            adopted: None,
            reason: None,
            statements_done: 0,
            is_resumed: false,
        }
    }

    /// Records the current text of an applied migration as the valid one, without running anything. The time
    /// of its application stays the same, and so does its mark.
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
            after: None,
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
        let down = payload.clone().stored();
        Step { action: Action::Revert, down, payload: Some(payload), ..Step::unmark(version, name, checksum) }
    }

    /// Turns the step into one that resumes an interrupted attempt.
    pub(crate) fn resumed(self, interrupted: &Interrupted) -> Step<'s> {
        let done = match &self.payload {
            Some(Payload::Script(_)) => interrupted.statements_done,
            Some(Payload::Backfill(_) | Payload::Code(_)) | None => 0,
        };
        Step { statements_done: done, is_resumed: true, ..self }
    }

    /// Returns true if the step resumes an interrupted migration or ends the attempt.
    pub(crate) fn goes_on_with(&self, interrupted: &Interrupted) -> bool {
        let direction = if interrupted.reverting { Action::Revert } else { Action::Apply };
        self.version == interrupted.version && (self.settles.is_some() || self.action == direction)
    }

    /// Leaves out the queries that verify the migration: what they are about comes later.
    pub fn unverified(self) -> Step<'s> {
        Step { verify: None, ..self }
    }

    /// Sets the applied migrations that the step supersedes.
    pub fn in_place_of(self, supersedes: Vec<Superseded>) -> Step<'s> {
        Step { supersedes, ..self }
    }

    /// Marks the migration as applied by another tool.
    pub fn adopted(self, adopted: Adopted, reason: impl Into<Cow<'s, str>>) -> Step<'s> {
        Step { adopted: Some(adopted), reason: Some(reason.into()), ..self }
    }

    /// The script to run, if any.
    pub fn script(&self) -> Option<&Script> {
        self.payload.as_ref()?.script()
    }

    /// The options in the header of what it runs.
    pub fn options(&self) -> &Options {
        self.payload.as_ref().map_or(&Options::NONE, Payload::options)
    }

    /// True if it runs Rust code.
    pub fn is_code(&self) -> bool {
        self.payload.as_ref().is_some_and(|payload| payload.code().is_some())
    }

    /// The code that it would run, if this program does not contain that.
    pub fn missing_code(&self) -> Option<&'s Code> {
        self.payload.as_ref()?.code().filter(|code| code.functions().is_none())
    }

    /// True if it runs something, and does not only record.
    pub fn runs(&self) -> bool {
        self.payload.is_some()
    }

    /// The number of statements that it runs.
    pub fn statement_count(&self) -> usize {
        self.payload.as_ref().map_or(0, Payload::statement_count)
    }

    /// The way it is committed, if it runs something.
    pub fn transaction(&self) -> Option<TransactionMode> {
        self.payload.as_ref().map(Payload::transaction)
    }

    /// True if it is committed in parts, with a checkpoint after each.
    pub fn commits_in_parts(&self) -> bool {
        self.transaction().is_some_and(|transaction| transaction != TransactionMode::Block)
    }

    /// The digest of all applied migrations after this step, given the digest before it.
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

/// A plan's decision: the steps, and notices that do not stop them.
#[derive(Clone, Debug)]
pub struct Steps<'s> {
    /// The steps, in order.
    pub steps: Vec<Step<'s>>,
    /// The notices.
    pub notices: Vec<Notice>,
}

impl<'s> Steps<'s> {
    /// Creates a decision without steps.
    pub fn none(notices: Vec<Notice>) -> Steps<'s> {
        Steps { steps: Vec::new(), notices }
    }
}
