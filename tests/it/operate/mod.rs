//! Tools for an operator, before and after a run.

mod backup;
mod compare;
mod explain;
mod preflight;
mod rehearse;
mod support;
