//! Sets and migration directories made for one test.

use migrate_core::{Migration, Script, Set, SqlMigration, Version};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder in the temporary folder, removed when the value is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A folder with these files: names, with `/` between folders, and texts.
///
/// # Panics
///
/// If it can't be written.
pub fn folder_of(files: &[(&str, &str)]) -> Folder {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Folder(std::env::temp_dir().join(format!("migrate-tests-{}-{number}", std::process::id())));
    for (name, text) in files {
        let path = folder.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a file in the folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
    folder
}

/// One migration: a version and its scripts.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// The version, a number.
    pub version: usize,
    /// The up script.
    pub up: String,
    /// The down script.
    pub down: Option<String>,
    /// The verify script.
    pub verify: Option<String>,
}

impl Scripts {
    /// A migration with only an up script.
    pub fn up(version: usize, up: impl Into<String>) -> Scripts {
        Scripts { version, up: up.into(), down: None, verify: None }
    }

    /// Adds a down script.
    pub fn down(self, down: impl Into<String>) -> Scripts {
        Scripts { down: Some(down.into()), ..self }
    }

    /// Adds a verify script.
    pub fn verify(self, verify: impl Into<String>) -> Scripts {
        Scripts { verify: Some(verify.into()), ..self }
    }

    fn migration(self) -> SqlMigration {
        let number = format!("{:05}", self.version);
        let name = format!("{number}_step");
        let script =
            |kind: &str, text: String| Script::of_text(format!("{name}.{kind}.sql"), text).expect("SQL");
        let up = Script::of_up_text(format!("{name}.up.sql"), self.up).expect("SQL");
        let mut migration = SqlMigration::new(Version::numeric(number), name.clone(), up);
        if let Some(down) = self.down {
            migration = migration.with_down(script("down", down));
        }
        if let Some(verify) = self.verify {
            migration = migration.with_verify(script("verify", verify));
        }
        migration
    }
}

/// A set of such migrations.
///
/// # Panics
///
/// If two have the same version, or one is not SQL.
pub fn set(name: &'static str, scripts: impl IntoIterator<Item = Scripts>) -> Set {
    let migrations = scripts.into_iter().map(|scripts| Arc::new(scripts.migration()) as Arc<dyn Migration>);
    Set::new(name, migrations.collect()).expect("versions that differ")
}

/// A set of `count` reversible migrations that each create a small table.
pub fn tables(count: usize) -> Set {
    set(
        "tables",
        (1..=count).map(|n| {
            Scripts::up(n, format!("CREATE TABLE t{n} (id bigint);")).down(format!("DROP TABLE t{n};"))
        }),
    )
}
