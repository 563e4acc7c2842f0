//! Backup settings: the folder of the dumps and the programs that make them.

use std::path::PathBuf;

/// Settings of the backup before a run: the folder for the dumps and the programs that make them.
///
/// # Examples
///
/// ```
/// use migrate_postgres::migrate;
/// use migrate_postgres::operate::Backups;
///
/// let backups = Backups::to("/var/backups/app").programs("/usr/lib/postgresql/17/bin").reserve(1 << 30);
/// let migrator = migrate!("tests/fixtures/quickstart").backup_before(backups);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "each setting returns the backups' settings"]
pub struct Backups {
    pub(crate) folder: PathBuf,
    pub(crate) programs: Option<PathBuf>,
    pub(crate) reserve: u64,
}

impl Backups {
    /// Backs up to this folder, which must exist.
    pub fn to(folder: impl Into<PathBuf>) -> Backups {
        Backups { folder: folder.into(), programs: None, reserve: 0 }
    }

    /// The folder of `pg_dump` and `pg_restore`. By default, `PATH` and the usual places are searched for the
    /// oldest version that is not older than the server's.
    pub fn programs(mut self, folder: impl Into<PathBuf>) -> Backups {
        self.programs = Some(folder.into());
        self
    }

    /// The bytes that must stay free in the folder's file system in addition to the size of the database.
    pub fn reserve(mut self, bytes: u64) -> Backups {
        self.reserve = bytes;
        self
    }
}

impl<P: Into<PathBuf>> From<P> for Backups {
    fn from(folder: P) -> Backups {
        Backups::to(folder)
    }
}
