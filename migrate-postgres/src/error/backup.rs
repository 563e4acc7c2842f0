//! Why a database could not be backed up.

use crate::display::units::Bytes;
use std::path::PathBuf;

/// Why the database could not be backed up. Nothing was applied or reverted.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// `pg_dump` connects by itself, and a client or pool does not tell how.
    #[error(
        "a backup takes a URL or a Config, and there is only a connection; nothing was changed\n\
         next: migrate over a URL or a tokio_postgres::Config"
    )]
    NoUrl,
    /// No `pg_dump` with its `pg_restore` that is not older than the server.
    #[error("{}", migrate_core::clean!(
        "there is no pg_dump and pg_restore of version {server} or newer (found: {}); nothing was changed\n\
         next: install postgresql-client-{server}, or name the folder with `Backups::programs`",
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    ))]
    NoProgram {
        /// The server's major version.
        server: u32,
        /// Programs that were found and are too old.
        found: Vec<String>,
    },
    /// The database might not fit.
    #[error("{}", migrate_core::clean!(
        "{} has {} free, and {} may be needed; nothing was changed\nnext: make room, or name another folder",
        folder.display(), Bytes(*free), Bytes(*needed)
    ))]
    TooLittleSpace {
        /// The folder.
        folder: PathBuf,
        /// How many bytes are free.
        free: u64,
        /// The database's size and the reserve.
        needed: u64,
    },
    /// The folder or a file in it can't be used.
    #[error("{}", migrate_core::clean!("{}: {source}; nothing was changed\nnext: see that the folder exists and can be written", path.display()))]
    Folder {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A program failed; its file was removed.
    #[error("{}", migrate_core::clean!("{} failed: {said}; nothing was changed\nnext: see to that, and run again", program.display()))]
    Program {
        /// Which.
        program: PathBuf,
        /// The end of what it said.
        said: String,
    },
}

migrate_core::debug_as_display!(BackupError);
