//! The comparison of history and set.

use crate::history::Notice;
use crate::history::stored;
use crate::history::{Applied, AppliedRef, HistoryState};
use crate::plan::refused::{Diff, Refused};
use crate::plan::squash;
use crate::set::Set;
use crate::set::checksum::normalized;
use crate::set::migration::Migration;
use crate::sql;

/// The policies of a run: the differences between history and set that it tolerates.
///
/// # Examples
///
/// ```
/// use migrate_core::plan::Policies;
///
/// let lenient = Policies { allow_out_of_order: true, ..Policies::default() };
/// assert!(lenient.allow_ahead, "an older release must boot on a newer schema");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Allows a pending migration to be applied after later ones. Off by default, because it was tested
    /// without them.
    pub allow_out_of_order: bool,
    /// Allows the database to have migrations newer than the binary. On by default, with a notice: a rolling
    /// deployment restarts old replicas on the new schema.
    pub allow_ahead: bool,
    /// Allows an applied migration to be missing from the set although the set has newer ones. Off by
    /// default.
    pub allow_missing: bool,
    /// Refuses to run while a migration waits for a backfill. Off by default: the migration is applied by a
    /// later run.
    pub require_backfills: bool,
}

impl Default for Policies {
    fn default() -> Policies {
        Policies::DEFAULT
    }
}

impl Policies {
    /// The defaults, as documented on the fields.
    pub const DEFAULT: Policies = Policies {
        allow_out_of_order: false,
        allow_ahead: true,
        allow_missing: false,
        require_backfills: false,
    };
}

/// Compares every applied migration with the set's, and checks for gaps.
///
/// # Errors
///
/// The first difference that `policies` does not allow.
pub fn check(set: &Set, state: &HistoryState, policies: &Policies) -> Result<Vec<Notice>, Refused> {
    check_rows(state)?;
    let mut notices = Vec::new();
    let mut newer = Vec::new();
    for applied in &state.applied {
        match set.find(&applied.version) {
            // A new text is not an edit of a repeatable migration, and one without a file may belong to a
            // newer release.
            _ if applied.version.is_repeatable() => {}
            Some(migration) => notices.extend(check_text(migration, applied)?),
            None if squash::is_replaced(set, &applied.version) => {}
            None if Some(&applied.version) > set.last_version() => newer.push(applied.name.clone()),
            None => match (missing(set, state, applied), policies.allow_missing) {
                (Refused::Missing { renumbered: None, name, .. }, true) => {
                    notices.push(Notice::Missing { name });
                }
                // The text would run a second time under the other version.
                (refused, _) => return Err(refused),
            },
        }
    }
    if !newer.is_empty() {
        if !policies.allow_ahead {
            return Err(Refused::Ahead { newer });
        }
        notices.push(Notice::Ahead { newer });
    }
    notices.extend(check_order(set, state, policies)?);
    Ok(notices)
}

/// Refuses a history that lacks rows whose content still matters.
pub(super) fn check_rows(state: &HistoryState) -> Result<(), Refused> {
    state.lost.clone().map_or(Ok(()), |lost| Err(Refused::RowsLost { lost }))
}

pub(super) fn missing(set: &Set, state: &HistoryState, applied: &Applied) -> Refused {
    let newest = set.iter().next_back().map_or_else(String::new, |m| m.name().to_owned());
    let renumbered = set.iter().find(|migration| is_renumbered(*migration, applied, state));
    let renumbered = renumbered.map(|migration| migration.name().to_owned());
    let (version, name) = (applied.version.clone(), applied.name.clone());
    Refused::Missing { version, name, newest, renumbered, is_code: applied.checksum.is_of_code() }
}

/// Returns true if a migration that is not applied has the text of one that is. Scripts without a statement
/// are all alike.
fn is_renumbered(migration: &dyn Migration, applied: &Applied, state: &HistoryState) -> bool {
    migration.checksum() == applied.checksum
        && !migration.version().is_repeatable()
        && !migration.up().is_empty()
        && !state.applied.iter().any(|applied| applied.version == *migration.version())
}

/// Checks that a migration still has the applied text.
fn check_text(migration: &dyn Migration, applied: &Applied) -> Result<Option<Notice>, Refused> {
    if migration.checksum() == applied.checksum {
        return Ok(None);
    }
    let (version, name) = (applied.version.clone(), migration.name().to_owned());
    let up = migration.up();
    let now = up.source().map(normalized).unwrap_or_default();
    match applied_text(applied, &now).as_deref() {
        Some(kept) if sql::same_but_for_comments(kept, &now) => {
            Ok(Some(Notice::EditedComments { version, name }))
        }
        kept => Err(Refused::Edited {
            version,
            name,
            applied_name: applied.name.clone(),
            applied: applied.checksum,
            now: migration.checksum(),
            diff: kept.map(|kept| Diff::between(&sql::redact(kept), &sql::redact(&now))).unwrap_or_default(),
        }),
    }
}

/// Checks that no migration of the set is pending before an applied one. The applied one may belong to
/// another release, which this set does not know.
fn check_order(set: &Set, state: &HistoryState, policies: &Policies) -> Result<Vec<Notice>, Refused> {
    let applied = AppliedVersions::of(state);
    let Some(last) = state.last().filter(|last| !last.version.is_repeatable()) else { return Ok(Vec::new()) };
    let after = set.find(&last.version).map_or(&*last.name, |migration| migration.name());
    let mut notices = Vec::new();
    // A migration that will only be marked, because its replaced range is applied, is not a gap.
    let is_replacing = |m: &dyn Migration| {
        m.replaces().is_some_and(|range| state.applied.iter().any(|applied| range.contains(&applied.version)))
    };
    let is_hole = |m: &&dyn Migration| {
        !m.version().is_repeatable()
            && *m.version() < last.version
            && !applied.contains(*m)
            && !is_replacing(*m)
            // It waited for a backfill while later ones were applied.
            && m.after().is_none()
    };
    for hole in set.iter().filter(is_hole) {
        let interrupted = state.interrupted.as_ref().is_some_and(|i| i.version == *hole.version());
        let (name, after) = (hole.name().to_owned(), after.to_owned());
        if !policies.allow_out_of_order && !interrupted {
            let applied_as = state
                .applied
                .iter()
                .find(|applied| set.find(&applied.version).is_none() && is_renumbered(hole, applied, state));
            let applied_as = applied_as.map(|applied| {
                Box::new(AppliedRef { version: applied.version.clone(), name: applied.name.clone() })
            });
            return Err(Refused::OutOfOrder { version: hole.version().clone(), name, after, applied_as });
        }
        notices.push(Notice::OutOfOrder { name, after });
    }
    Ok(notices)
}

/// The applied text, if the history stored it. If a password was redacted, the text is known only if `now`
/// still contains the same one.
pub(super) fn applied_text(applied: &Applied, now: &str) -> Option<String> {
    let kept = applied.kept.as_ref()?.up.as_deref()?;
    Some(stored::restored(kept, now, applied.checksum).unwrap_or_else(|| kept.to_owned()))
}

/// The applied versions, for repeated lookups.
pub(super) struct AppliedVersions<'a>(std::collections::HashSet<&'a crate::set::version::Version>);

impl<'a> AppliedVersions<'a> {
    pub(super) fn of(state: &'a HistoryState) -> AppliedVersions<'a> {
        AppliedVersions(state.applied.iter().map(|applied| &applied.version).collect())
    }

    pub(super) fn contains(&self, migration: &dyn Migration) -> bool {
        self.0.contains(migration.version())
    }
}
