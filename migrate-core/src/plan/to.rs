//! Migration to a version, forward or back.

use crate::history::{HistoryState, SetPosition};
use crate::plan::{Down, Plan, Policies, Refused, Steps, Up};
use crate::set::Set;
use crate::set::version::Version;

/// Takes the database to a version: applies missing migrations up to it, or reverts those beyond it.
#[derive(Clone, Debug)]
pub struct To(Version);

impl To {
    /// Targets this version, which becomes the last applied one.
    pub fn version(version: Version) -> To {
        To(version)
    }
}

impl Plan for To {
    fn surely_done(&self, set: &Set, position: &SetPosition, _: &Policies) -> bool {
        position.applied().is_some_and(|applied| set.position(&self.0).is_some_and(|i| i + 1 == applied))
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
        if state.applied.iter().any(|applied| !applied.version.is_repeatable() && applied.version > self.0) {
            Down::to(self.0.clone()).decide(set, state, policies)
        } else {
            Up::to(self.0.clone()).decide(set, state, policies)
        }
    }
}
