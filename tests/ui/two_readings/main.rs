//! Directories whose layout is ambiguous.
use migrate_postgres::{Migrator, migrate};

pub static GOOSE: Migrator = migrate!("goose");
pub static FLYWAY: Migrator = migrate!("flyway");
