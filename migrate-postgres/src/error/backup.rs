//! The errors of a backup.

use crate::display::units::Bytes;
use migrate_core::advice::{Advice, Again, Explain, Left, NextStep, Setting, Words};
use migrate_core::display::printable::Printable;
use std::fmt;
use std::path::PathBuf;

/// The error of a backup. Nothing was applied or reverted.
#[non_exhaustive]
pub enum BackupError {
    /// `pg_dump` makes its own connection, and a client or a pool does not say how.
    NoUrl,
    /// No `pg_dump` with its `pg_restore` is at least as new as the server.
    NoProgram {
        /// The server's major version.
        server: u32,
        /// The programs found, which are too old.
        found: Vec<String>,
    },
    /// The disk may be too small for the backup.
    TooLittleSpace {
        /// The folder.
        folder: PathBuf,
        /// The free space in bytes.
        free: u64,
        /// The database's size and the reserve.
        needed: u64,
    },
    /// The folder or a file in it can't be used.
    Folder {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A program failed; its file was removed.
    Program {
        /// The program.
        program: PathBuf,
        /// The end of its output.
        said: String,
    },
}

migrate_core::display_as_explained!(BackupError);

impl std::error::Error for BackupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let BackupError::Folder { source, .. } = self { Some(source) } else { None }
    }
}

impl Explain for BackupError {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            BackupError::NoUrl => {
                f.write_str("a backup needs connection parameters, which an open connection does not reveal")
            }
            BackupError::NoProgram { server, found } => write!(
                f,
                "pg_dump and pg_restore of version {server} or newer are not installed (found: {})",
                if found.is_empty() { "none".to_owned() } else { found.join(", ") }
            ),
            BackupError::TooLittleSpace { folder, free, needed } => write!(
                f,
                "{} has {} free, and {} may be needed",
                folder.display(),
                Bytes(*free),
                Bytes(*needed)
            ),
            BackupError::Folder { path, source } => write!(f, "{}: {source}", path.display()),
            BackupError::Program { program, said } => write!(f, "{} failed: {said}", program.display()),
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        match self {
            BackupError::NoUrl => Advice::fix("migrate with a URL")
                .or_for(Words::Library, NextStep::fix("migrate with a tokio_postgres::Config")),
            BackupError::NoProgram { server, .. } => {
                Advice::fix(format!("install postgresql-client-{server}"))
                    .or(NextStep::set(Setting::BackupPrograms, "name the folder"))
            }
            BackupError::TooLittleSpace { .. } => {
                Advice::fix("free some space").or(NextStep::fix("name another folder"))
            }
            BackupError::Folder { .. } => Advice::fix("check that the folder exists and is writable"),
            BackupError::Program { .. } => Advice::fix("fix the cause").then(NextStep::Again(Again::Run)),
        }
    }
}
