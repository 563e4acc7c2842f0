//! Reading the configuration and the facts from files.

use super::{Config, FILE_NAME, JudgeError};
use crate::sql::facts::Facts;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads the configuration in a folder, if there is one. The path of the facts then begins with the folder.
///
/// # Errors
///
/// If the file can't be read or has a fault.
pub fn of_folder(folder: &Path) -> Result<Option<Config>, JudgeError> {
    let path = folder.join(FILE_NAME);
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        // A configuration that can't be read must not turn a check off.
        Err(source) => return Err(JudgeError::File { path, source }),
    }
    let mut config = Config::read(&text(&path)?, &path.to_string_lossy())?;
    config.lint.facts = config.lint.facts.map(|facts| folder.join(facts));
    Ok(Some(config))
}

/// The folder whose configuration is for a folder of migrations: the nearest one above it with a
/// configuration or a `Cargo.toml`.
pub fn nearest(migrations: &Path) -> Option<PathBuf> {
    // Without links and `..`, whose ancestors are others.
    let absolute = fs::canonicalize(migrations).or_else(|_| std::path::absolute(migrations)).ok()?;
    let root = absolute
        .ancestors()
        .skip(1)
        .find(|folder| folder.join(FILE_NAME).exists() || folder.join("Cargo.toml").exists())?;
    // As a person would write it, if it is the working directory or below.
    let here = std::env::current_dir().and_then(fs::canonicalize).ok()?;
    Some(root.strip_prefix(here).unwrap_or(root).to_owned())
}

/// Reads a file of facts.
///
/// # Errors
///
/// If it can't be read or does not hold facts.
pub fn facts(path: &Path) -> Result<Facts, JudgeError> {
    Facts::from_json(&text(path)?).map_err(|error| JudgeError::Facts { path: path.to_owned(), error })
}

fn text(path: &Path) -> Result<String, JudgeError> {
    fs::read_to_string(path).map_err(|source| JudgeError::File { path: path.to_owned(), source })
}
