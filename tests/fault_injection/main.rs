//! Fault injection: a run is interrupted at every possible point, and then run again.
//!
//! Whatever happened to the first run, the second must leave the schema of an uninterrupted run, every
//! migration's effect exactly once, a correct history, and no lock.

mod crashed;
mod cut;
mod dropped;
mod killed;
mod stage;
