//! Plans: the ordered steps that take a database from its history to the requested state.
//!
//! A plan is a pure function of set and history. Each policy is one small type.

mod accept;
#[cfg(feature = "histories")]
mod adopt;
mod after;
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
pub use after::waiting_for;
pub(crate) use after::{due, hold_back};
pub use baseline::Baseline;
pub use check::{Policies, check};
pub use down::Down;
pub use redo::Redo;
pub use refused::{Interruption, Refused, RefusedKind, RiskyStatement};
pub use resolve::{Resolution, Resolve};
pub use step::{Action, Adopted, Settled, Step, Steps, Superseded};
pub use to::To;
pub use up::Up;

use crate::history::{HistoryState, SetPosition};
use crate::set::Set;
use std::fmt::Debug;

/// Decides the steps of a run.
///
/// # Examples
///
/// A custom plan takes a few lines. This one applies nothing, but the history is still checked:
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
///     fn decide<'s>(&self, set: &'s Set, state: &HistoryState, policies: &Policies) -> Result<Steps<'s>, Refused> {
///         Ok(Steps::none(check(set, state, policies)?))
///     }
/// }
/// ```
pub trait Plan: Debug + Send + Sync {
    /// Returns true if a database at this position certainly has nothing to do, so that a run can end without
    /// loading its history.
    fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool;

    /// Returns true if a database at this position certainly has something to do, so that a run can take the
    /// lock without loading the history first.
    fn surely_pending(&self, set: &Set, position: &SetPosition) -> bool {
        let _ = (set, position);
        false
    }

    /// Returns true if the plan may be decided again in the middle of a run, because it targets a version,
    /// not a number of steps.
    fn may_replan(&self) -> bool {
        false
    }

    /// Decides the steps, in order.
    ///
    /// # Errors
    ///
    /// If the history and the set contradict each other, or if the request can't be fulfilled.
    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused>;
}
