//! Acceptance of an edit: the current text of an applied migration becomes the recorded one.

use crate::history::{Applied, HistoryState, SetPosition};
use crate::plan::check::{applied_text, missing};
use crate::plan::refused::Diff;
use crate::plan::up::unknown;
use crate::plan::{Plan, Policies, Refused, Step, Steps};
use crate::set::Set;
use crate::set::checksum::normalized;
use crate::set::migration::Migration;
use crate::set::version::Version;
use crate::sql;

/// Records the set's text of an applied migration as the valid one, without running anything. The history
/// keeps the row of the run and gains one with the new text.
///
/// Refused if the statements differ in more than comments and formatting ([`sql::same_but_for_writing`]): the
/// new text then makes another schema, which a newly created database would get.
///
/// # Examples
///
/// ```
/// use migrate_core::history::{Applied, Kept, HistoryState};
/// use migrate_core::plan::{Accept, Plan, Policies};
/// use migrate_core::{Checksum, Script, Set, SqlMigration, Version};
/// use std::sync::Arc;
///
/// let now = Script::of_text("1_a.sql", "create table a ();".to_owned())?;
/// let migration = SqlMigration::new(Version::numeric("1"), "1_a", now);
/// let set = Set::new("app", vec![Arc::new(migration)])?;
/// let mut applied = Applied::new(Version::numeric("1"), "1_a", Checksum::of("CREATE TABLE a ();"));
/// applied.kept = Some(Kept { up: Some("CREATE TABLE a ();".to_owned()), down: None });
/// let state = HistoryState { applied: vec![applied], ..HistoryState::EMPTY };
///
/// let plan = Accept::new(Version::numeric("1")).because("formatted");
/// assert_eq!(plan.decide(&set, &state, &Policies::DEFAULT)?.steps.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until it is run"]
pub struct Accept {
    /// `None` for all edited ones.
    versions: Option<Vec<Version>>,
    reason: Option<String>,
    force: bool,
}

impl Accept {
    /// Accepts the text of one migration.
    pub fn new(version: Version) -> Accept {
        Accept::each([version])
    }

    /// Accepts the texts of several migrations: all of them, or none.
    pub fn each(versions: impl IntoIterator<Item = Version>) -> Accept {
        Accept { versions: Some(versions.into_iter().collect()), reason: None, force: false }
    }

    /// Accepts the text of every edited migration.
    pub fn all() -> Accept {
        Accept { versions: None, reason: None, force: false }
    }

    /// Adds a reason, which the history stores.
    pub fn because(self, reason: impl Into<String>) -> Accept {
        Accept { reason: Some(reason.into()), ..self }
    }

    /// Also accepts changed statements, and texts whose applied version is not known.
    pub fn forced(self) -> Accept {
        Accept { force: true, ..self }
    }

    fn steps<'s>(&self, set: &'s Set, state: &HistoryState) -> Result<Vec<Step<'s>>, Refused> {
        let edited = match &self.versions {
            Some(versions) => {
                let each: Result<Vec<_>, Refused> =
                    versions.iter().map(|version| edited(set, state, version)).collect();
                each?.into_iter().flatten().collect()
            }
            None => all_edited(set, state),
        };
        edited.into_iter().map(|(migration, applied)| self.step(migration, applied)).collect()
    }

    fn step<'s>(&self, migration: &'s dyn Migration, applied: &Applied) -> Result<Step<'s>, Refused> {
        if !self.force {
            check_writing(migration, applied)?;
        }
        let reason = self.reason.clone().map(Into::into);
        Ok(Step { reason, ..Step::accept(migration, applied) })
    }
}

/// An applied migration and the set's current version of it; `None` if the text is unchanged.
fn edited<'s, 'h>(
    set: &'s Set,
    state: &'h HistoryState,
    version: &Version,
) -> Result<Option<(&'s dyn Migration, &'h Applied)>, Refused> {
    if let Some(interrupted) =
        state.interrupted.as_ref().filter(|interrupted| interrupted.version == *version)
    {
        return Err(Refused::unfinished(interrupted));
    }
    match (set.find(version), state.find(version)) {
        (None, None) => Err(unknown(set, Some(version))),
        (None, Some(applied)) => Err(missing(set, state, applied)),
        (Some(migration), None) => {
            Err(Refused::NotApplied { version: version.clone(), name: migration.name().to_owned() })
        }
        (Some(migration), Some(applied)) => {
            Ok((migration.checksum() != applied.checksum).then_some((migration, applied)))
        }
    }
}

/// A repeatable migration with a new text is pending, not edited.
fn all_edited<'s, 'h>(set: &'s Set, state: &'h HistoryState) -> Vec<(&'s dyn Migration, &'h Applied)> {
    let applied = state.applied.iter().filter(|applied| !applied.version.is_repeatable());
    let both = applied.filter_map(|applied| Some((set.find(&applied.version)?, applied)));
    both.filter(|(migration, applied)| migration.checksum() != applied.checksum).collect()
}

fn check_writing(migration: &dyn Migration, applied: &Applied) -> Result<(), Refused> {
    let up = migration.up();
    let now = up.source().map(normalized).unwrap_or_default();
    let then = applied_text(applied, &now).filter(|_| up.source().is_some());
    if then.as_deref().is_some_and(|then| sql::same_but_for_writing(then, &now)) {
        return Ok(());
    }
    let diff = then.map(|then| Diff::between(&sql::redact(&then), &sql::redact(&now))).unwrap_or_default();
    Err(Refused::OtherStatements {
        version: applied.version.clone(),
        name: migration.name().to_owned(),
        diff,
    })
}

impl Plan for Accept {
    fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
        false
    }

    fn may_replan(&self) -> bool {
        true
    }

    fn decide<'s>(&self, set: &'s Set, state: &HistoryState, _: &Policies) -> Result<Steps<'s>, Refused> {
        Ok(Steps { steps: self.steps(set, state)?, notices: Vec::new() })
    }
}
