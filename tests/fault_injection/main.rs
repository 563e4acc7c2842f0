//! A run that is cut short at every place where it can be, and the run after it.
//!
//! Whatever happened to the first run, the second one must leave the schema that an undisturbed run makes, every
//! migration's effect exactly once, a history that tells the truth, and no lock.

mod crashed;
mod cut;
mod dropped;
mod killed;
mod stage;
