//! One server for all of a user's processes that test at the same time, as under `cargo nextest`, which runs
//! each test in its own process.
//!
//! ```text
//! $TMPDIR/migrate-server-<uid>-<hash>/
//!     gate     locked by a process while it joins or starts the server
//!     users    a named pipe that every running process has open for writing
//!     clean    the key of the data, written after an orderly shutdown
//!     run/     the server's data, socket and log
//! ```
//!
//! The first process starts the server, and a watchdog that reads from the pipe. The system closes a dead
//! process's end of the pipe, however it died, so the watchdog reads end of file after the last process;
//! shortly afterwards it stops the server. The data stays, with the templates in it, for the next run.

mod home;
mod lease;
mod watchdog;

pub(super) use lease::Lease;
