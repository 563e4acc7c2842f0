//! What is wrong in a half of a file has the lines of the file.
use migrate_postgres::{Migrator, migrate};

pub static MIGRATIONS: Migrator = migrate!();
