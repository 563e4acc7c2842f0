//! Redo: a revert followed by an apply.

use crate::history::{Applied, HistoryState, SetPosition};
use crate::plan::down::{not_while_interrupted, only_run, revert, revert_as_applied};
use crate::plan::{Plan, Policies, Refused, Step, Steps, check, hold_back, repeatable};
use crate::set::Set;

/// Reverts the last applied migrations and applies the set's current versions of them: for a migration under
/// development.
#[derive(Clone, Copy, Debug)]
#[must_use = "a plan does nothing until it is run"]
pub struct Redo {
    count: usize,
    including_marked: bool,
    as_applied: bool,
}

impl Redo {
    /// Redoes the last `count` applied migrations.
    pub fn count(count: usize) -> Redo {
        Redo { count, including_marked: false, as_applied: false }
    }

    /// Also reverts and runs migrations that were marked as applied: see [`Down::including_marked`].
    ///
    /// [`Down::including_marked`]: crate::plan::Down::including_marked
    pub fn including_marked(self) -> Redo {
        Redo { including_marked: true, ..self }
    }

    /// Reverts an edited migration with the down script that the history stored with the text that was applied,
    /// if there is one: the set's may revert the new text.
    pub fn as_applied(self) -> Redo {
        Redo { as_applied: true, ..self }
    }
}

impl Plan for Redo {
    fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
        self.count == 0
    }

    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused> {
        not_while_interrupted(state)?;
        let versioned = state.applied.iter().filter(|applied| !applied.version.is_repeatable());
        let versioned: Vec<Applied> = versioned.cloned().collect();
        let (stays, redone) = versioned.split_at(versioned.len().saturating_sub(self.count));
        if !self.including_marked {
            only_run(state, &redone.iter().rev().collect::<Vec<_>>())?;
        }
        // An edit of a redone migration is the purpose; an edit of any other one is not.
        let rest = HistoryState { applied: stays.to_vec(), ..state.clone() };
        let mut notices = check(set, &rest, policies)?;
        let mut steps = repeatable::release(set, state)?;
        for applied in redone.iter().rev() {
            steps.push(if self.as_applied {
                revert_as_applied(set, applied)?
            } else {
                revert(set, applied)?
            });
        }
        for applied in redone {
            let migration = set.find(&applied.version).ok_or_else(|| Refused::Missing {
                version: applied.version.clone(),
                name: applied.name.clone(),
                newest: set.iter().next_back().map_or_else(String::new, |m| m.name().to_owned()),
                renumbered: None,
                is_code: applied.checksum.is_of_code(),
            })?;
            steps.push(Step::apply(migration));
        }
        steps.extend(repeatable::pending(set, &rest));
        notices.extend(hold_back(set, state, &mut steps, policies)?);
        Ok(Steps { steps, notices })
    }
}
