//! Placeholders that are not known, or stand where there are none.
use migrate_postgres::{Migrator, migrate};

pub static SOME: Migrator = migrate!("migrations", placeholders = ["schema"]);
pub static NONE: Migrator = migrate!("migrations", placeholders = []);
pub static BAD: Migrator = migrate!("migrations", placeholders = ["1st"]);
pub static TWICE: Migrator = migrate!("migrations", placeholders = ["a", "a"]);
pub static NO_LIST: Migrator = migrate!("migrations", placeholders = "a");
