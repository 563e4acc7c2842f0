//! Placeholders that are unknown, or that stand in forbidden places.
use migrate_postgres::{Migrator, migrate};

pub static SOME: Migrator = migrate!("migrations", placeholders = ["schema"]);
pub static NONE: Migrator = migrate!("migrations", placeholders = []);
pub static BAD: Migrator = migrate!("migrations", placeholders = ["1st"]);
pub static TWICE: Migrator = migrate!("migrations", placeholders = ["a", "a"]);
pub static NO_LIST: Migrator = migrate!("migrations", placeholders = "a");
