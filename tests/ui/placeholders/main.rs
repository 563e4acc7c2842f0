//! Placeholders that are not known, or stand where there are none.
use migrate_postgres::{Migrator, migrate};

pub const SOME: Migrator = migrate!("migrations", placeholders = ["schema"]);
pub const NONE: Migrator = migrate!("migrations", placeholders = []);
pub const BAD: Migrator = migrate!("migrations", placeholders = ["1st"]);
pub const TWICE: Migrator = migrate!("migrations", placeholders = ["a", "a"]);
pub const NO_LIST: Migrator = migrate!("migrations", placeholders = "a");
