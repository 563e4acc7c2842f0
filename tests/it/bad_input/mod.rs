//! What bad input gets: a named error, a text that a stranger can act on, and a database of which the text tells the truth.
//!
//! The texts, with what the database holds afterwards, are the files of `tests/snapshots`; `UPDATE_SNAPSHOTS=1` writes them anew.

mod advice;
mod connections;
mod debugged;
mod histories;
mod privileges;
mod scripts;
mod secrets;
mod support;
