//! The id of a run.

use std::hash::{BuildHasher, RandomState};

/// An id that distinguishes a run from others in the history's rows.
pub(crate) fn run_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}
