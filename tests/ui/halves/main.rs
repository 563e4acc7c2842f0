//! Problems in one half of a file are reported with the file's line numbers.
use migrate_postgres::{Migrator, migrate};

pub static MIGRATIONS: Migrator = migrate!();
