//! Repeatable migrations: applied after all others, and again whenever their text changes.

use crate::history::{Applied, HistoryState};
use crate::plan::down::revert;
use crate::plan::{Refused, Step, Superseded};
use crate::set::Set;
use crate::set::migration::Migration;

/// The steps for the repeatable migrations of a set that are not applied as they are now, in the order of their names.
pub(super) fn pending<'s>(set: &'s Set, state: &HistoryState) -> Vec<Step<'s>> {
    let repeatable = set.iter().filter(|migration| migration.version().is_repeatable());
    repeatable.filter_map(|migration| step(migration, state)).collect()
}

fn step<'s>(migration: &'s dyn Migration, state: &HistoryState) -> Option<Step<'s>> {
    match state.find(migration.version()) {
        None => Some(Step::apply(migration)),
        Some(applied) if applied.checksum == migration.checksum() => None,
        Some(applied) => Some(Step::apply(migration).in_place_of(vec![superseded(applied)])),
    }
}

pub(super) fn superseded(applied: &Applied) -> Superseded {
    Superseded { version: applied.version.clone(), checksum: applied.checksum }
}

/// The steps before a versioned migration is reverted: what repeatable ones have made may lean on it, and be gone with it. So they
/// are reverted where they have a down script, and count as applied no more in any case: the next run applies them again.
pub(super) fn release<'s>(set: &'s Set, state: &HistoryState) -> Result<Vec<Step<'s>>, Refused> {
    let mut applied: Vec<&Applied> = state.applied.iter().filter(|a| a.version.is_repeatable()).collect();
    applied.sort_by(|a, b| b.version.cmp(&a.version));
    let release = |applied: &Applied| match revert(set, applied) {
        Err(Refused::NoDown { .. }) => {
            Ok(Step::unmark(applied.version.clone(), applied.name.clone(), applied.checksum))
        }
        decided => decided,
    };
    applied.into_iter().map(release).collect()
}
