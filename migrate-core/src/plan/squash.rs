//! Migrations that replace a range of others: run if none of the range is applied, and marked if all of it
//! is.

use crate::history::{Applied, HistoryState};
use crate::plan::repeatable::superseded;
use crate::plan::{Refused, Step};
use crate::set::Set;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::ops::RangeInclusive;

/// The steps for a pending migration that replaces others.
pub(super) fn steps<'s>(
    set: &'s Set,
    state: &HistoryState,
    migration: &'s dyn Migration,
    range: &RangeInclusive<Version>,
) -> Result<Vec<Step<'s>>, Refused> {
    let applied: Vec<&Applied> = state.applied.iter().filter(|a| range.contains(&a.version)).collect();
    if applied.is_empty() {
        return Ok(vec![Step::apply(migration)]);
    }
    let files: Vec<&dyn Migration> = set.replaced().filter(|m| range.contains(m.version())).collect();
    // Versions are applied in order, so if the last one is applied, all of them are.
    let last = range.end();
    if !files.iter().map(|m| m.version()).chain(applied.iter().map(|a| &a.version)).any(|v| v == last) {
        return Err(Refused::PartlyReplaced {
            version: migration.version().clone(),
            name: migration.name().to_owned(),
            applied: applied.last().map(|applied| applied.name.clone()).unwrap_or_default(),
            missing: last.clone(),
        });
    }
    let pending: Vec<&dyn Migration> =
        files.into_iter().filter(|m| state.find(m.version()).is_none()).collect();
    let mut replaced: Vec<_> = applied.into_iter().map(superseded).collect();
    replaced.extend(
        pending.iter().map(|m| super::Superseded { version: m.version().clone(), checksum: m.checksum() }),
    );
    let mut steps: Vec<Step<'s>> = pending.into_iter().map(Step::apply).collect();
    steps.push(Step::mark(migration).in_place_of(replaced));
    Ok(steps)
}

/// Returns true if a migration of the set replaces this version.
pub(super) fn is_replaced(set: &Set, version: &Version) -> bool {
    set.iter().filter_map(Migration::replaces).any(|range| range.contains(version))
}
