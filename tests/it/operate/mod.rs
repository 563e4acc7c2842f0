//! What an operator asks before and after a run.

mod backup;
mod explain;
mod preflight;
mod rehearse;
mod support;
