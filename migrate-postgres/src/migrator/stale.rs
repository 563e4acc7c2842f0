//! The staleness check: a binary must not lack a file of its migrations folder.

use crate::error::Error;
use migrate_core::{Migration, Set};
use std::path::Path;

/// In debug builds, checks that the folder of the set has no migration that is not embedded.
///
/// `migrate!` can't watch a folder on stable Rust, so a file that was added since the last build is not in the binary. A
/// release build is made once and runs elsewhere, so it does not check.
///
/// # Errors
///
/// [`Error::Stale`], which names the file.
pub(crate) fn check(set: &Set) -> Result<(), Error> {
    match set.folder() {
        Some(folder) if cfg!(debug_assertions) => compare(set, folder),
        _ => Ok(()),
    }
}

fn compare(set: &Set, folder: &str) -> Result<(), Error> {
    // A folder that is not here, or that would not build, says nothing about this binary.
    let Ok(on_disk) = Set::from_folder(Path::new(folder)) else { return Ok(()) };
    let missing = on_disk.iter().find(|migration| set.find(migration.version()).is_none());
    let missing = missing.map(|migration: &dyn Migration| migration.name());
    let is_embedded = |path: &&str| set.companion_paths().any(|embedded| embedded == *path);
    let missing = missing.or_else(|| on_disk.companion_paths().find(|path| !is_embedded(path)));
    match missing {
        Some(missing) => Err(Error::Stale { folder: folder.to_owned(), missing: missing.to_owned() }),
        None => Ok(()),
    }
}
