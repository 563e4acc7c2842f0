//! A migrated database for one test in the time that a copy takes.
//!
//! # How
//!
//! The set is applied once, to a database that becomes a *template*: named by what is in the set, closed to connections.
//! A test's database is a copy of it (`CREATE DATABASE … TEMPLATE`), and most of the time one that was made before it was
//! asked for: a *spare*, which a test makes its own by renaming it. A rename is atomic, so no two tests get one spare.
//!
//! All state is in the server, so that it is the same for one process with many tests (`cargo test`) and for many processes
//! with one test each (`cargo nextest`):
//!
//! | database | is | goes |
//! |---|---|---|
//! | `migrate_template_<key>` | the set, applied | when it was not used for a week, or four others were used since |
//! | `migrate_spare_<key>_<random>` | a copy that nobody has asked for yet | with its template |
//! | `migrate_clone_<owner>_<n>` | a test's own | with its test; if its process was killed, at the next process's start |
//! | `migrate_draft_<owner>_<n>` | a template or spare that is not complete | by getting that one's name; as a clone does |
//! | `migrate_schemas_<key>` | where tests that want a schema have theirs | as a template does |
//!
//! A process holds an advisory lock on its owner number, so whoever looks sees whether the owner of a database lives: no clock
//! decides that. A database that a failed test keeps says so in its comment.

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
