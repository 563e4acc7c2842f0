//! Baselines: for a database whose schema already existed.

use crate::history::{HistoryState, SetPosition};
use crate::plan::check::check_rows;
use crate::plan::up::unknown;
use crate::plan::{Plan, Policies, Refused, Step, Steps};
use crate::set::Set;
use crate::set::version::Version;

/// Marks the migrations up to a version as applied without running them, if nothing is applied yet.
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until it is run"]
pub struct Baseline(Version);

impl Baseline {
    /// Marks all migrations up to this version, inclusive.
    pub fn at(version: Version) -> Baseline {
        Baseline(version)
    }
}

impl Plan for Baseline {
    fn surely_done(&self, set: &Set, position: &SetPosition, _: &Policies) -> bool {
        // The baseline exists already: it was requested again, possibly by another replica.
        position.applied().is_some_and(|applied| set.position(&self.0).is_some_and(|i| i + 1 == applied))
    }

    fn may_replan(&self) -> bool {
        true
    }

    fn decide<'s>(&self, set: &'s Set, state: &HistoryState, _: &Policies) -> Result<Steps<'s>, Refused> {
        check_rows(state)?;
        let last = set.position(&self.0).ok_or_else(|| unknown(set, Some(&self.0)))?;
        if let Some(interrupted) = &state.interrupted {
            return Err(Refused::unfinished(interrupted));
        }
        if let Some(newest) = state.last() {
            if state.digest() == set.digests().of_first(last + 1) {
                return Ok(Steps::none(Vec::new()));
            }
            return Err(Refused::NotEmpty { applied: state.applied.len(), last: newest.name.clone() });
        }
        Ok(Steps { steps: set.iter().take(last + 1).map(Step::mark).collect(), notices: Vec::new() })
    }
}
