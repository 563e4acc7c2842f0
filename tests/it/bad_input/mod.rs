//! Bad input: it gets a named error with a text that a stranger can act on, and that is true of the database.
//!
//! The texts, with the database's contents afterwards, are the files of `tests/snapshots`;
//! `UPDATE_SNAPSHOTS=1` rewrites them.

mod advice;
mod connections;
mod debugged;
mod histories;
mod privileges;
mod scripts;
mod secrets;
mod support;
