//! The key that identifies a template.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::ParseIntError;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::SystemTime;

use crate::migrator::Migrator;
use migrate_core::{Migration, Script};

/// Increased when templates are made differently.
const FORMAT: u32 = 1;

/// Everything that affects a migrated database: the set's digest, and a hash of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::testing) struct Key {
    digest: u64,
    rest: u64,
}

impl Key {
    /// The key of the database that `migrator` makes as the user `role`.
    pub(super) fn of(migrator: &Migrator, role: &str) -> Key {
        let set = migrator.set();
        let digest = set.digests().of_all();
        let mut hasher = DefaultHasher::new();
        (FORMAT, role, set.name(), digest.as_bytes()).hash(&mut hasher);
        // The template includes what the history stores of them.
        for migration in set.iter() {
            hash(migration, &mut hasher);
        }
        migrator.made().hash(&mut hasher);
        // What code does depends on the rest of the program, and on the values that it is given.
        if set.iter().any(|migration| migration.up().code().is_some()) {
            (program(), migrator.settings.values.identity()).hash(&mut hasher);
        }
        let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
        Key { digest: u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest: hasher.finish() }
    }

    /// The key as the number of an advisory lock, a different one for each `purpose`.
    pub(super) fn lock(self, purpose: &str) -> i64 {
        let mut hasher = DefaultHasher::new();
        ("migrate_postgres::testing", purpose, self).hash(&mut hasher);
        hasher.finish().cast_signed()
    }
}

/// The running program, as it was built.
fn program() -> Option<(PathBuf, u64, SystemTime)> {
    let program = std::env::current_exe().ok()?;
    let file = std::fs::metadata(&program).ok()?;
    Some((program, file.len(), file.modified().ok()?))
}

fn hash(migration: &dyn Migration, hasher: &mut DefaultHasher) {
    migration.name().hash(hasher);
    down_text(migration).hash(hasher);
    migration.verify().map(Script::text).hash(hasher);
}

/// The text of a down script.
pub(in crate::testing) fn down_text(migration: &dyn Migration) -> Option<String> {
    Some(migration.down()?.text()?.to_owned())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}_{:016x}", self.digest, self.rest)
    }
}

impl FromStr for Key {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Key, ParseIntError> {
        let (digest, rest) = text.split_once('_').unwrap_or((text, ""));
        Ok(Key { digest: u64::from_str_radix(digest, 16)?, rest: u64::from_str_radix(rest, 16)? })
    }
}

#[cfg(test)]
mod tests {
    use migrate_core::{Script, Set, SqlMigration, Version};
    use std::sync::Arc;

    use super::Key;
    use crate::{Migrator, Value};

    fn migrator(up: &str, down: Option<&str>) -> Migrator {
        let script = |text: &str| Script::of_text("s.sql", text.to_owned()).unwrap();
        let mut migration = SqlMigration::new(Version::numeric("1"), "0001_one", script(up));
        if let Some(down) = down {
            migration = migration.with_down(script(down));
        }
        Migrator::new(Set::new("default", vec![Arc::new(migration)]).unwrap())
    }

    #[test]
    fn one_set_has_one_key() {
        let one = || Key::of(&migrator("SELECT 1", None), "app");
        assert_eq!(one(), one());
        assert_eq!(one().lock("build"), one().lock("build"));
        assert_ne!(one().lock("build"), one().lock("fill"));
    }

    #[test]
    fn whatever_is_seen_in_the_database_makes_another_key() {
        let key = Key::of(&migrator("SELECT 1", None), "app");
        let others = [
            Key::of(&migrator("SELECT 2", None), "app"),
            Key::of(&migrator("SELECT 1", Some("SELECT 0")), "app"),
            Key::of(&migrator("SELECT 1", None), "other"),
            Key::of(&migrator("SELECT 1", None).history_table("other"), "app"),
            Key::of(&migrator("SELECT 1", None).history_schema("other"), "app"),
            Key::of(&migrator("SELECT 1", None).up_to("1"), "app"),
            Key::of(&migrator("SELECT 1", None).placeholder("a", Value::Literal("b")), "app"),
            Key::of(&Migrator::new(migrator("SELECT 1", None).set().clone().named("other")), "app"),
        ];
        for other in others {
            assert_ne!(key, other);
        }
    }
}
