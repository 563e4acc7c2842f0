//! The program `migrate`, run as its users run it, against a real server.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test cli` writes the snapshots anew.

mod backward;
mod comparing;
mod connecting;
mod failing;
mod forward;
mod making;
mod reporting;
mod resetting;
mod snapshot;
mod stage;
mod waiting;
