//! Migrations that wait for a backfill: those that say `after=`, and those that replace one.

use crate::backfill::BackfillRecord;
use crate::history::{HistoryState, Notice};
use crate::plan::{Action, Policies, Refused, Step};
use crate::set::Set;
use crate::set::migration::{Migration, Payload};
use crate::set::version::Version;

/// Takes the migrations that wait for a backfill out of the steps. Those after them stay.
///
/// A migration whose backfill is begun by one of the steps stays, too: whether it waits is not known before
/// that step is taken; see [`due`].
///
/// # Errors
///
/// The first migration that waits, if the policy is that none may.
pub(crate) fn hold_back(
    set: &Set,
    state: &HistoryState,
    steps: &mut Vec<Step<'_>>,
    policies: &Policies,
) -> Result<Vec<Notice>, Refused> {
    let (mut stay, mut notices) = (Vec::with_capacity(steps.len()), Vec::new());
    for step in steps.drain(..) {
        let Some(wait) = wait(set, state, &step, &stay) else {
            stay.push(step);
            continue;
        };
        if policies.require_backfills {
            return Err(wait.refused(&step));
        }
        notices.push(wait.notice(&step));
    }
    *steps = stay;
    Ok(notices)
}

/// The backfill that a pending migration waits for, if it was begun and is not finished.
pub fn waiting_for<'h>(state: &'h HistoryState, migration: &dyn Migration) -> Option<&'h BackfillRecord> {
    let after = migration.after()?;
    state.backfill(&after).filter(|record| !record.is_finished())
}

/// The number of steps to take before it is known whether the next one waits: the step that begins its
/// backfill is among them.
pub(crate) fn due(steps: &[Step<'_>]) -> usize {
    let begins =
        |steps: &[Step<'_>], version: &Version| steps.iter().any(|step| begins_backfill(step, version));
    let waits =
        |index: &usize| steps[*index].after.as_ref().is_some_and(|after| begins(&steps[..*index], after));
    (0..steps.len()).find(waits).unwrap_or(steps.len())
}

fn begins_backfill(step: &Step<'_>, version: &Version) -> bool {
    step.action == Action::Apply
        && step.version == *version
        && matches!(step.payload, Some(Payload::Backfill(_)))
}

/// The reason why a step waits.
enum Wait<'h> {
    /// Its backfill is not finished.
    Unfinished(&'h BackfillRecord),
    /// The migration with the backfill waits itself.
    NotBegun { version: String, name: String },
}

/// The reason why a step waits, if it does; `before` has the steps that are taken before it.
fn wait<'h>(set: &Set, state: &'h HistoryState, step: &Step<'_>, before: &[Step<'_>]) -> Option<Wait<'h>> {
    if step.action == Action::Mark {
        let is_active = |record: &&BackfillRecord| !record.is_ended();
        let replaced = step.supersedes.iter().filter_map(|old| state.backfill(&old.version));
        return replaced.filter(is_active).map(Wait::Unfinished).next();
    }
    let after = step.after.as_ref().filter(|_| step.action == Action::Apply)?;
    if before.iter().any(|step| begins_backfill(step, after)) {
        return None;
    }
    if let Some(record) = state.backfill(after).filter(|record| !record.is_finished()) {
        return Some(Wait::Unfinished(record));
    }
    let is_applied = state.find(after).is_some() || before.iter().any(|step| step.version == *after);
    let migration = set.find(after).filter(|_| !is_applied && !is_replaced(set, state, after))?;
    Some(Wait::NotBegun { version: after.canonical().into_owned(), name: migration.name().to_owned() })
}

/// Returns true if an applied migration has replaced this version.
fn is_replaced(set: &Set, state: &HistoryState, version: &Version) -> bool {
    let replacing = set.iter().filter(|m| m.replaces().is_some_and(|range| range.contains(version)));
    replacing.into_iter().any(|migration| state.find(migration.version()).is_some())
}

impl Wait<'_> {
    fn notice(&self, step: &Step<'_>) -> Notice {
        let (version, name) = (step.version.clone(), step.name.clone().into_owned());
        let (backfill, status) = self.told();
        Notice::WaitsForBackfill { version, name, backfill, status }
    }

    fn refused(&self, step: &Step<'_>) -> Refused {
        let (version, name) = (step.version.clone(), step.name.clone().into_owned());
        let (backfill, status) = self.told();
        let record = match self {
            Wait::Unfinished(record) => Some(*record),
            Wait::NotBegun { .. } => None,
        };
        Refused::BackfillUnfinished {
            version,
            name,
            backfill,
            backfill_version: self.version(),
            state: record.map(|record| record.state),
            status,
            rows_left: record.map(BackfillRecord::rows_left),
            eta: record.and_then(BackfillRecord::eta),
        }
    }

    /// The name of the migration with the backfill, and its progress.
    fn told(&self) -> (String, String) {
        match self {
            Wait::Unfinished(record) => (record.name.clone(), record.status()),
            Wait::NotBegun { name, .. } => (name.clone(), "not begun".to_owned()),
        }
    }

    /// The version of the migration with the backfill.
    fn version(&self) -> String {
        match self {
            Wait::Unfinished(record) => record.version.clone(),
            Wait::NotBegun { version, .. } => version.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Script, SqlMigration};

    const FILL: &str = "-- migrate: batch=users(id)\nUPDATE users SET n = n + 1 WHERE ${batch}";

    fn migration(number: u32, text: &str) -> SqlMigration {
        let script = Script::of_up_text(format!("{number}.sql"), text.to_owned()).unwrap();
        SqlMigration::new(Version::numeric(number.to_string()), format!("{number}_m"), script)
    }

    #[test]
    fn steps_are_taken_until_it_is_known_if_the_next_one_waits() {
        let (one, fill, other_fill) = (migration(1, "SELECT 1"), migration(2, FILL), migration(5, FILL));
        let waits = migration(3, "-- migrate: after=2\nSELECT 3");
        let waits_for_one = migration(4, "-- migrate: after=1\nSELECT 4");
        assert_eq!(due(&[Step::apply(&fill), Step::apply(&one), Step::apply(&waits)]), 2);
        for (before, step) in [
            (Step::apply(&one), &waits),
            (Step::apply(&other_fill), &waits),
            (Step::mark(&fill), &waits),
            (Step::apply(&one), &waits_for_one),
        ] {
            assert_eq!(due(&[before, Step::apply(step)]), 2);
        }
        assert_eq!(due(&[]), 0);
    }
}
