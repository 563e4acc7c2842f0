//! The program `migrate`, run as its users run it, against a real server.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test cli` rewrites the snapshots.

mod asserting;
mod backfilling;
mod backing_up;
mod backward;
mod checking;
mod coded;
mod comparing;
mod connecting;
mod developing;
mod diffing;
mod documented;
mod editing;
mod embedded;
mod failing;
mod fixing;
mod forward;
mod making;
mod planning;
mod preflight;
mod reporting;
mod resetting;
#[cfg(unix)]
mod runbook;
mod snapshot;
mod stage;
#[cfg(unix)]
mod terminal;
mod waiting;
#[cfg(unix)]
mod wire;
mod writing;
