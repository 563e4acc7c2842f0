//! What an operator asks before and after a run.
//!
//! | question | call |
//! |---|---|
//! | what is pending, what does it lock, and how large is that now? | [`Migrator::explain`] |
//!
//! Everything returns plain data that [`Display`](std::fmt::Display) shows; nothing is printed.
//!
//! [`Migrator::explain`]: crate::Migrator::explain

mod explain;
mod name;
mod sizes;
mod units;

pub use explain::{ExplainedLock, ExplainedStatement, ExplainedStep, Explanation};
pub use sizes::RelationSize;
