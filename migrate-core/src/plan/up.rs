//! Applies.

use crate::history::Notice;
use crate::history::stored;
use crate::history::{HistoryState, Interrupted, SetPosition};
use crate::plan::check::AppliedVersions;
use crate::plan::{
    Interruption, Plan, Policies, Refused, Settled, Step, Steps, check, hold_back, repeatable, squash,
};
use crate::set::Set;
use crate::set::migration::{Migration, Payload};
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql;
use crate::sql::TransactionMode;

/// Applies pending migrations: all of them, or up to a version.
#[derive(Clone, Debug, Default)]
#[must_use = "a plan does nothing until it is run"]
pub struct Up {
    target: Option<Version>,
}

impl Up {
    /// Applies all pending migrations.
    pub const fn all() -> Up {
        Up { target: None }
    }

    /// Applies pending migrations up to a version, inclusive.
    pub fn to(version: Version) -> Up {
        Up { target: Some(version) }
    }

    /// The number of the set's migrations up to the target.
    fn count(&self, set: &Set) -> Option<usize> {
        match &self.target {
            None => Some(set.len()),
            Some(version) => set.position(version).map(|index| index + 1),
        }
    }
}

impl Plan for Up {
    fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool {
        match position {
            SetPosition::UpToDate { applied } | SetPosition::Behind { applied, .. } => {
                self.count(set).is_some_and(|count| *applied >= count)
            }
            SetPosition::Ahead { .. } => policies.allow_ahead && self.count(set).is_some(),
            SetPosition::Interrupted { .. } | SetPosition::Diverged => false,
        }
    }

    fn surely_pending(&self, set: &Set, position: &SetPosition) -> bool {
        let (Some(applied), Some(count)) = (position.applied(), self.count(set)) else { return false };
        let may_wait = |migration: &dyn Migration| waits_for_one_of(set, applied, migration);
        applied < count && !(applied..count).filter_map(|index| set.get(index)).any(may_wait)
    }

    fn may_replan(&self) -> bool {
        true
    }

    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused> {
        let count = self.count(set).ok_or_else(|| unknown(set, self.target.as_ref()))?;
        let mut notices = check(set, state, policies)?;
        if let Some(interrupted) = &state.interrupted
            && self.target.as_ref().is_some_and(|target| interrupted.version > *target)
        {
            return Err(Refused::unfinished(interrupted));
        }
        let mut steps = resume(set, state)?;
        let applied = AppliedVersions::of(state);
        let resumed = steps.first().map(|step| step.version.clone());
        let is_pending = |m: &&dyn Migration| !applied.contains(*m) && Some(m.version()) != resumed.as_ref();
        let versioned = set.iter().take(count).filter(|m| !m.version().is_repeatable());
        for migration in versioned.filter(is_pending) {
            match migration.replaces() {
                Some(range) => steps.extend(squash::steps(set, state, migration, &range)?),
                None => steps.push(Step::apply(migration)),
            }
        }
        // An older release must not replace a newer release's views with its own.
        let is_ahead = notices.iter().any(|notice| matches!(notice, Notice::Ahead { .. }));
        if self.target.is_none() && !is_ahead {
            let pending = repeatable::pending(set, state);
            steps.extend(pending.into_iter().filter(|step| Some(&step.version) != resumed.as_ref()));
        }
        notices.extend(hold_back(set, state, &mut steps, policies)?);
        Ok(Steps { steps, notices })
    }
}

/// Returns true if a migration may have to wait for a backfill of the first `applied` migrations.
fn waits_for_one_of(set: &Set, applied: usize, migration: &dyn Migration) -> bool {
    let after = migration.after();
    after.is_some_and(|after| set.position(&after).is_none_or(|index| index < applied))
}

/// The refusal of a version that does not exist.
pub(super) fn unknown(set: &Set, version: Option<&Version>) -> Refused {
    Refused::UnknownVersion {
        version: version.cloned().unwrap_or_else(|| Version::new("", set.order())),
        last: set.iter().next_back().map(|m| m.name().to_owned()),
    }
}

/// The step that resumes an interrupted migration, before all others.
fn resume<'s>(set: &'s Set, state: &HistoryState) -> Result<Vec<Step<'s>>, Refused> {
    let Some(interrupted) = &state.interrupted else { return Ok(Vec::new()) };
    let refuse = |problem| Refused::interrupted(interrupted, problem);
    if interrupted.reverting {
        return Err(refuse(Interruption::Reverting));
    }
    let migration = set.find(&interrupted.version).ok_or_else(|| refuse(Interruption::Missing))?;
    let step = Step::apply(migration);
    let is_same = migration.checksum() == interrupted.checksum;
    // Another tool's table has no rows with checkpoints.
    let is_whole = interrupted.row > 0 && step.transaction() == Some(TransactionMode::Block);
    if is_same && !is_whole {
        return Ok(vec![step]);
    }
    if is_same && !(interrupted.failed && interrupted.statements_done == 0) {
        return Err(refuse(Interruption::Transaction));
    }
    let is_corrected = match &step.payload {
        Some(Payload::Script(script) | Payload::Backfill(script)) => is_corrected(interrupted, script),
        // Code without a transaction is run again from its beginning, and so is the corrected one.
        Some(Payload::Code(_)) => interrupted.row > 0 && interrupted.statements_done == 0,
        None => false,
    };
    if !is_corrected {
        return Err(refuse(Interruption::Edited));
    }
    Ok(vec![Step { settles: Some(Settled::of(interrupted)), ..step }])
}

/// Returns true if a script may resume an attempt that failed with another text: the server rejected the
/// statement, and the statements before it are unchanged. With a secret in the script this is unknown,
/// because the history did not store it.
fn is_corrected(interrupted: &Interrupted, script: &Script) -> bool {
    let done = interrupted.statements_done;
    // Another tool's table has no numbered rows, which could hold two texts.
    if interrupted.row == 0
        || !interrupted.failed
        || done > 0 && script.transaction() == TransactionMode::Block
    {
        return false;
    }
    if done == 0 {
        return true;
    }
    let Some(begun) = interrupted.begun.as_deref().filter(|begun| stored::is_whole(begun)) else {
        return false;
    };
    let was = sql::split(begun).statements;
    let was = was.iter().map(|statement| statement.text(begun));
    let is = script.statements().iter().map(|statement| statement.text(script.text()));
    let same = was.zip(is).take(done).filter(|(was, is)| sql::same_but_for_comments(was, is));
    same.count() == done
}
