//! The ordered steps that take a database from its history to where it should be.
//!
//! A plan is a pure function of set and history: every policy is one small type here.

mod accept;
#[cfg(feature = "histories")]
mod adopt;
mod baseline;
mod check;
mod down;
mod redo;
mod refused;
mod repeatable;
mod resolve;
mod squash;
mod step;
mod to;
mod up;

pub use accept::Accept;
#[cfg(feature = "histories")]
pub use adopt::{Adopt, adoption};
pub use baseline::Baseline;
pub use check::{Policies, check};
pub use down::Down;
pub use redo::Redo;
pub use refused::{Interruption, Refused, RefusedKind};
pub use resolve::{Resolution, Resolve};
pub use step::{Action, Adopted, Settled, Step, Steps, Superseded};
pub use to::To;
pub use up::Up;

use crate::history::{HistoryState, SetPosition};
use crate::set::Set;
use std::fmt::Debug;

/// Decides what a run does.
///
/// # Examples
///
/// A plan of one's own is a few lines: this one applies nothing, and lets the history be checked.
///
/// ```
/// use migrate_core::history::{SetPosition, HistoryState};
/// use migrate_core::plan::{Plan, Policies, Refused, Steps, check};
/// use migrate_core::Set;
///
/// #[derive(Debug)]
/// struct CheckOnly;
///
/// impl Plan for CheckOnly {
///     fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
///         false
///     }
///     fn decide<'s>(&self, set: &'s Set, state: &State, policies: &Policies) -> Result<Steps<'s>, Refused> {
///         Ok(Steps::none(check(set, state, policies)?))
///     }
/// }
/// ```
pub trait Plan: Debug + Send + Sync {
    /// Whether there is certainly nothing to do for a database that stands there, so that a run may end without
    /// loading its history.
    fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool;

    /// Whether there is certainly something to do, so that a run may go for the lock without loading the history
    /// first.
    fn surely_pending(&self, set: &Set, position: &SetPosition) -> bool {
        let _ = (set, position);
        false
    }

    /// Whether it may be decided anew in the middle of a run, because it leads to a place and not over a distance.
    fn may_replan(&self) -> bool {
        false
    }

    /// The steps, in order.
    ///
    /// # Errors
    ///
    /// When the history and the set contradict each other, or what is asked for can't be done.
    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused>;
}
