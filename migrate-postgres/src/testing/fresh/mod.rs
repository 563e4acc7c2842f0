//! A migrated database per test, in the time of a copy.
//!
//! # How
//!
//! The set is applied once, to a database that becomes a *template*: it is named after the set's digest, and
//! closed to connections. A test's database is a copy of it (`CREATE DATABASE … TEMPLATE`), and usually a
//! *spare*: a copy made in advance, which a test claims by renaming it. A rename is atomic, so no two tests
//! claim the same spare.
//!
//! All state is on the server, so it works the same for one process with many tests (`cargo test`) and for
//! many processes with one test each (`cargo nextest`):
//!
//! | database | content | dropped |
//! |---|---|---|
//! | `migrate_template_<key>` | the set, applied | after a week without use, or when four others were used
//! since |
//! | `migrate_spare_<key>_<random>` | an unclaimed copy | with its template |
//! | `migrate_clone_<owner>_<n>` | a test's own copy | with its test; if its process was killed, when the
//! next process starts |
//! | `migrate_draft_<owner>_<n>` | an incomplete template or spare | renamed when complete; otherwise like a
//! clone |
//! | `migrate_schemas_<key>` | the schemas of tests that use schemas | like a template |
//!
//! A process holds an advisory lock on its owner number, so other processes can see whether the owner of a
//! database is alive, without a clock. A database that a failed test keeps is marked in its comment.

mod clone;
mod keeper;
mod key;
mod name;
mod schema;
mod sweep;
mod template;

pub(super) use keeper::Keeper;
pub(super) use key::down_text;
pub(super) use schema::{Schema, in_schema, options};

/// The clause to append to `CREATE DATABASE … TEMPLATE …`.
///
/// `file_copy` copies files between two checkpoints. If checkpoints are cheap, as without `fsync`, it takes a
/// third of the time of a copy through WAL, the default since 15; if they wait for a disk, it takes several
/// times as long.
pub(super) fn copy_strategy(version_num: u32, checkpoints_are_cheap: bool) -> &'static str {
    if version_num >= 150_000 && checkpoints_are_cheap { " STRATEGY file_copy" } else { "" }
}
