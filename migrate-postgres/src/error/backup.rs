//! The errors of a backup.

use crate::display::units::Bytes;
use std::path::PathBuf;

/// The error of a backup. Nothing was applied or reverted.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// `pg_dump` makes its own connection, and a client or a pool does not say how.
    #[error(
        "a backup needs a URL or a Config, and there is only a connection; nothing was changed\n\
         next: migrate with a URL or a tokio_postgres::Config"
    )]
    NoUrl,
    /// No `pg_dump` with its `pg_restore` is at least as new as the server.
    #[error("{}", migrate_core::clean!(
        "pg_dump and pg_restore of version {server} or newer are not installed (found: {}); nothing was changed\n\
         next: install postgresql-client-{server}, or name the folder with `Backups::programs`",
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    ))]
    NoProgram {
        /// The server's major version.
        server: u32,
        /// The programs found, which are too old.
        found: Vec<String>,
    },
    /// The disk may be too small for the backup.
    #[error("{}", migrate_core::clean!(
        "{} has {} free, and {} may be needed; nothing was changed\nnext: free some space, or name another folder",
        folder.display(), Bytes(*free), Bytes(*needed)
    ))]
    TooLittleSpace {
        /// The folder.
        folder: PathBuf,
        /// The free space in bytes.
        free: u64,
        /// The database's size and the reserve.
        needed: u64,
    },
    /// The folder or a file in it can't be used.
    #[error("{}", migrate_core::clean!("{}: {source}; nothing was changed\nnext: check that the folder exists and is writable", path.display()))]
    Folder {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A program failed; its file was removed.
    #[error("{}", migrate_core::clean!("{} failed: {said}; nothing was changed\nnext: fix the cause, and run again", program.display()))]
    Program {
        /// The program.
        program: PathBuf,
        /// The end of its output.
        said: String,
    },
}

migrate_core::debug_as_display!(BackupError);
