//! Checks that the embedded set is current, that is, equal to its folder.

use std::fmt;
use std::path::{Path, PathBuf};

use migrate_core::{FolderError, Migration, Set};

/// The differences between a binary's set and its folder.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum NotCurrent {
    /// A migration exists only in one of the two, or differs between them.
    #[error("{}", migrate_core::clean!(
        "the embedded set differs from `{}`:{}\nnext: rebuild, and give the crate a build.rs with \
         `println!(\"cargo::rerun-if-changed={}\");`, so that new files are never missed",
        folder.display(),
        CurrentDifferences(differences),
        folder.file_name().unwrap_or_default().to_string_lossy()
    ))]
    Differs {
        /// The folder.
        folder: PathBuf,
        /// The migrations that differ.
        differences: Vec<CurrentDifference>,
    },

    /// The folder can't be read as migrations.
    #[error("{}", migrate_core::clean!("the folder of the embedded set can't be read: {source}"))]
    Folder {
        /// The problems.
        #[from]
        source: FolderError,
    },

    /// The binary does not know its set's folder; a release build doesn't.
    #[error(
        "this build does not know the folder of its set: name it, as in \
         `migrate_postgres::current_test!(MIGRATIONS, \"migrations\");`"
    )]
    NoFolder,
}

migrate_core::debug_as_display!(NotCurrent);

/// A migration that differs between a binary and its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CurrentDifference {
    /// The folder has it, the binary doesn't.
    NotEmbedded(String),
    /// The binary has it, the folder doesn't.
    NotInFolder(String),
    /// Its up, down or verify script differs.
    Changed(String),
}

impl fmt::Display for CurrentDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match self {
            CurrentDifference::NotEmbedded(name) => write!(f, "{name} is not embedded"),
            CurrentDifference::NotInFolder(name) => {
                write!(f, "{name} is embedded, but no longer in the folder")
            }
            CurrentDifference::Changed(name) => write!(f, "{name} has changed since it was embedded"),
        }
    }
}

struct CurrentDifferences<'a>(&'a [CurrentDifference]);

impl fmt::Display for CurrentDifferences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|difference| write!(f, "\n  {difference}"))
    }
}

/// Checks that the set of `migrator` equals its folder. [`current_test!`](crate::current_test) calls it.
///
/// `folder` is the set's folder, if the build does not know it: a release build doesn't.
///
/// # Errors
///
/// [`NotCurrent`].
pub fn check_current(migrator: &crate::Migrator, folder: Option<&Path>) -> Result<(), NotCurrent> {
    let set = migrator.set();
    let folder = folder.or_else(|| set.folder().map(Path::new)).ok_or(NotCurrent::NoFolder)?;
    let differences = compare(set, &Set::from_folder(folder)?);
    if differences.is_empty() {
        return Ok(());
    }
    Err(NotCurrent::Differs { folder: folder.to_owned(), differences })
}

fn compare(embedded: &Set, on_disk: &Set) -> Vec<CurrentDifference> {
    let of_disk = on_disk.iter().filter_map(|migration| match embedded.find(migration.version()) {
        None => Some(CurrentDifference::NotEmbedded(migration.name().to_owned())),
        Some(other) if !same(migration, other) => {
            Some(CurrentDifference::Changed(migration.name().to_owned()))
        }
        Some(_) => None,
    });
    let gone = embedded.iter().filter(|migration| on_disk.find(migration.version()).is_none());
    of_disk.chain(gone.map(|migration| CurrentDifference::NotInFolder(migration.name().to_owned()))).collect()
}

fn same(a: &dyn Migration, b: &dyn Migration) -> bool {
    let scripts = |m: &dyn Migration| (super::fresh::down_text(m), m.verify().map(|s| s.text().to_owned()));
    a.name() == b.name() && a.checksum() == b.checksum() && scripts(a) == scripts(b)
}

/// Defines a test that fails if the embedded set differs from its folder: a migration was added, removed or
/// edited, and the crate was not rebuilt.
///
/// ```no_run
/// use migrate_postgres::{Migrator, migrate};
///
/// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
///
/// #[cfg(test)]
/// migrate_postgres::current_test!(MIGRATIONS);
/// ```
///
/// The test's name is `migrations_are_current`. A release build does not know its folder;
/// `current_test!(MIGRATIONS, "migrations")` names it, relative to the crate's `Cargo.toml`.
#[macro_export]
macro_rules! current_test {
    ($migrator:path $(, $folder:literal)? $(,)?) => {
        #[test]
        fn migrations_are_current() {
            #[allow(unused_mut, unused_assignments)]
            let mut folder = ::core::option::Option::None;
            $(folder = ::core::option::Option::Some(::std::path::Path::new(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $folder),
            ));)?
            if let ::core::result::Result::Err(problem) = $crate::testing::check_current(&$migrator, folder) {
                ::core::panic!("{problem}");
            }
        }
    };
}
