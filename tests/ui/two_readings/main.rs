//! Directories of which it can't be said whose they are.
use migrate_postgres::{Migrator, migrate};

pub static GOOSE: Migrator = migrate!("goose");
pub static FLYWAY: Migrator = migrate!("flyway");
