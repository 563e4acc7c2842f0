//! The file `.env`: variables for the program `migrate` that its environment lacks.

use super::ConnectionProblem;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, io};

/// The variables of a file `.env`.
#[derive(Default)]
pub(in crate::cli) struct Dotenv(HashMap<String, String>);

impl Dotenv {
    /// The nearest file, in the working directory or above. A missing file is not an error.
    ///
    /// # Errors
    ///
    /// If it can't be read. Errors contain nothing of the file, because it holds passwords.
    pub(in crate::cli) fn find() -> Result<Dotenv, ConnectionProblem> {
        let Ok(folder) = env::current_dir() else { return Ok(Dotenv::default()) };
        match folder.ancestors().map(|folder| folder.join(".env")).find(|path| path.is_file()) {
            Some(path) => Dotenv::read(&path),
            None => Ok(Dotenv::default()),
        }
    }

    fn read(path: &Path) -> Result<Dotenv, ConnectionProblem> {
        let failed = |error| problem(path.to_owned(), error);
        let lines = dotenvy::from_path_iter(path).map_err(failed)?;
        Ok(Dotenv(lines.collect::<Result<_, _>>().map_err(failed)?))
    }

    /// A variable; an empty one counts as none.
    pub(in crate::cli) fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

fn problem(path: PathBuf, error: dotenvy::Error) -> ConnectionProblem {
    let source = match error {
        dotenvy::Error::Io(source) => source,
        _ => io::Error::new(io::ErrorKind::InvalidData, "a line is not NAME=VALUE, or has an unclosed quote"),
    };
    ConnectionProblem::File { path, source }
}
