//! Backups: where a database is dumped to, and by which programs.

use std::path::PathBuf;

/// Where the database is dumped to before anything is applied or reverted, and by which programs.
///
/// # Examples
///
/// ```
/// use migrate_postgres::migrate;
/// use migrate_postgres::operate::Backups;
///
/// let backups = Backups::to("/var/backups/app").programs("/usr/lib/postgresql/17/bin").reserve(1 << 30);
/// let migrator = migrate!("tests/fixtures/quickstart").backup(backups);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "each setting returns the backups' settings"]
pub struct Backups {
    pub(crate) folder: PathBuf,
    pub(crate) programs: Option<PathBuf>,
    pub(crate) reserve: u64,
}

impl Backups {
    /// Dumps into this folder, which has to be there.
    pub fn to(folder: impl Into<PathBuf>) -> Backups {
        Backups { folder: folder.into(), programs: None, reserve: 0 }
    }

    /// Takes `pg_dump` and `pg_restore` from this folder. Else those of `PATH` and of the usual places are looked at, and the
    /// oldest that is not older than the server is taken.
    pub fn programs(mut self, folder: impl Into<PathBuf>) -> Backups {
        self.programs = Some(folder.into());
        self
    }

    /// Leaves so many bytes free in the folder's file system, beside what the database takes.
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
