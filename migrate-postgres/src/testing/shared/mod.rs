//! One server for all processes of a user that test at the same time, as under `cargo nextest`, which gives each test a
//! process.
//!
//! ```text
//! $TMPDIR/migrate-server-<uid>-<hash>/
//!     gate     locked by a process while it joins or starts the server
//!     users    a named pipe that every process at work has open for writing
//!     clean    what the data was made by, written when the server has stopped in good order
//!     run/     the server's: its data, its socket, its log
//! ```
//!
//! The first process starts the server, and a watchdog that reads from the pipe. The system closes a dead process's end of a
//! pipe, however the process died, so the watchdog reads the end of the file when nobody is left; a little later it stops the
//! server. The data stays, with the templates in it, for the next run.

mod home;
mod lease;
mod watchdog;

pub(super) use lease::Lease;
