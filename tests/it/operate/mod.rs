//! Tools for an operator, before and after a run.

mod backup;
mod explain;
mod preflight;
mod rehearse;
mod support;
