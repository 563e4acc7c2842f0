//! Directories of which it can't be said whose they are.
use migrate_postgres::{Migrator, migrate};

pub const GOOSE: Migrator = migrate!("goose");
pub const FLYWAY: Migrator = migrate!("flyway");
