//! What a plan consists of.

use crate::checksum::Checksum;
use crate::digest::Digest;
use crate::migration::{Migration, Work};
use crate::plan::refused::Notice;
use crate::script::Script;
use crate::version::Version;
use std::borrow::Cow;
use std::fmt;

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
}

impl Action {
    /// The word that a history keeps.
    pub fn word(self) -> &'static str {
        match self {
            Action::Apply => "apply",
            Action::Revert => "revert",
            Action::Mark => "mark",
        }
    }

    /// What was done, for messages.
    pub fn past(self) -> &'static str {
        match self {
            Action::Apply => "applied",
            Action::Revert => "reverted",
            Action::Mark => "marked as applied",
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
    /// What is run; nothing for [`Action::Mark`].
    pub work: Option<Work<'s>>,
    /// The queries that prove it right before it is committed; only for [`Action::Apply`].
    pub verify: Option<&'s Script>,
    /// The up script, for the history to keep.
    pub up: Option<Cow<'s, Script>>,
    /// The down script, for the history to keep.
    pub down: Option<Cow<'s, Script>>,
}

impl<'s> Step<'s> {
    /// Applies a migration.
    pub fn apply(migration: &'s dyn Migration) -> Step<'s> {
        let work = migration.up();
        Step {
            action: Action::Apply,
            verify: migration.verify(),
            up: Some(script_of(&work)),
            work: Some(work),
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
            work: None,
            verify: None,
            up: Some(script_of(&migration.up())),
            down: migration.down().as_ref().map(script_of),
        }
    }

    /// Reverts a migration that was applied with the given checksum.
    pub fn revert(
        version: Version,
        name: impl Into<Cow<'s, str>>,
        checksum: Checksum,
        work: Work<'s>,
    ) -> Step<'s> {
        Step {
            action: Action::Revert,
            version,
            name: name.into(),
            checksum,
            down: Some(script_of(&work)),
            work: Some(work),
            verify: None,
            up: None,
        }
    }

    /// The script that is run, if any.
    pub fn script(&self) -> Option<&Script> {
        match self.work.as_ref()? {
            Work::Script(script) => Some(script),
        }
    }

    /// The digest of all that is applied after this step, given the one before it.
    pub fn digest_after(&self, before: Digest) -> Digest {
        let own = Digest::of_migration(&self.version, &self.checksum);
        match self.action {
            Action::Apply | Action::Mark => before + own,
            Action::Revert => before - own,
        }
    }
}

fn script_of<'s>(work: &Work<'s>) -> Cow<'s, Script> {
    match work {
        Work::Script(script) => script.clone(),
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.name)
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
