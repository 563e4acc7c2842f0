//! Repeatable migrations: applied after all others, and again whenever their text changes.

use crate::history::{Applied, HistoryState};
use crate::plan::down::revert;
use crate::plan::{Refused, Step, Superseded};
use crate::set::Set;
use crate::set::migration::Migration;

/// The steps for repeatable migrations whose current text is not applied, in the order of their names.
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

/// The steps before a versioned migration is reverted. Objects of repeatable migrations may depend on it and
/// disappear with it. So repeatable migrations are reverted if they have a down script, and no longer count
/// as applied in any case: the next run applies them again.
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
