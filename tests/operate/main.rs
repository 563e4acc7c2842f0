//! What an operator asks before and after a run.

mod explain;
mod rehearse;
mod support;
