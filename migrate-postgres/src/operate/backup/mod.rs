//! Dumping the database before anything is applied.

mod making;
mod programs;

pub(crate) use making::Due;

use super::units::Bytes;
use crate::connection::target::Target;
use crate::error::Error;
use crate::history::Survey;
use crate::migrator::Migrator;
use crate::sql::answers::{Answers, parsed, text};
use crate::sql::quote::{quote_ident, quote_literal};
use making::Making;
use migrate_core::engine::Progress;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;

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
    folder: PathBuf,
    programs: Option<PathBuf>,
    reserve: u64,
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

/// A dump that was made, and checked by `pg_restore --list`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// The file, in `pg_dump`'s custom format.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was recorded, by the server's clock.
    pub at: SystemTime,
}

impl Backup {
    /// The command that restores it into a new database of this name, as a shell takes it. Where to connect to is left to the
    /// environment (`PGHOST`, `PGUSER`, …) of whoever runs it.
    pub fn restore_command(&self, database: &str) -> String {
        restore_command(&self.file, database)
    }
}

/// The command that restores a dump into a new database.
pub(crate) fn restore_command(file: &Path, database: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let (database, file) = (quoted(database), quoted(&file.to_string_lossy()));
    format!(
        "createdb --template=template0 {database} && pg_restore --exit-on-error --dbname={database} {file}"
    )
}

impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.file.display(), Bytes(self.bytes))
    }
}

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
    #[error(
        "there is no pg_dump and pg_restore of version {server} or newer (found: {}); nothing was changed\n\
         next: install postgresql-client-{server}, or name the folder with `Backups::programs`",
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    )]
    NoProgram {
        /// The server's major version.
        server: u32,
        /// Programs that were found and are too old.
        found: Vec<String>,
    },
    /// The database might not fit.
    #[error(
        "{} has {} free, and {} may be needed; nothing was changed\nnext: make room, or name another folder",
        folder.display(), Bytes(*free), Bytes(*needed)
    )]
    TooLittleSpace {
        /// The folder.
        folder: PathBuf,
        /// How many bytes are free.
        free: u64,
        /// The database's size and the reserve.
        needed: u64,
    },
    /// The folder or a file in it can't be used.
    #[error("{}: {source}; nothing was changed\nnext: see that the folder exists and can be written", path.display())]
    Folder {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A program failed; its file was removed.
    #[error("{program} failed: {said}; nothing was changed\nnext: see to that, and run again")]
    Program {
        /// Which.
        program: PathBuf,
        /// The end of what it said.
        said: String,
    },
}

migrate_core::debug_as_display!(BackupError);

impl Migrator {
    /// Dumps the database by `pg_dump -Fc` into a folder before anything is applied or reverted; not where there is nothing to
    /// do. No usable `pg_dump`, or too little space, stops the run before it changes anything.
    ///
    /// The dump is made under the migration lock: of several replicas that begin at once one makes it, and the others wait for as long as it
    /// takes, within their [`lock_wait`](Migrator::lock_wait). That is for a step of a deployment rather than for the boot of a
    /// service. Its name and size are kept in the table `migrate_backup` beside the history: [`backups`](Migrator::backups). The
    /// target has to be a URL or a `Config`.
    pub fn backup(mut self, backups: impl Into<Backups>) -> Migrator {
        self.settings.backups = Some(backups.into());
        self
    }

    /// Dumps the database now, whatever is pending, and records that. Takes no lock but those of reading.
    ///
    /// # Errors
    ///
    /// [`Error::Backup`], and see [`Error`] as far as reading goes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends `pg_dump`, and removes what it has written.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// # async fn save(url: &str) -> Result<(), migrate_postgres::Error> {
    /// let backup = migrate!("tests/fixtures/quickstart").back_up(url, "/var/backups/app").await?;
    /// println!("{backup}; {}", backup.restore_command("app_restored"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn back_up<T: Target + ?Sized>(
        &self,
        target: &T,
        backups: impl Into<Backups>,
    ) -> Result<Backup, Error> {
        let config = target.to_config()?.ok_or(BackupError::NoUrl)?;
        let backups = backups.into();
        let making =
            Making { settings: &self.settings, set: self.set().name(), backups: &backups, config: &config };
        let mut observer = self.callback();
        making.make(&mut Progress::new(&mut observer, 0)).await
    }

    /// The backups that were made of this set's database, before runs and by [`back_up`](Migrator::back_up), oldest first.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn backups<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<Backup>, Error> {
        let session = target.open().await?;
        let listed = self.list_backups(&session).await;
        session.close().await;
        listed
    }

    pub(super) async fn list_backups(&self, client: &Client) -> Result<Vec<Backup>, Error> {
        let survey = Survey::take(client, &self.settings).await?;
        let table = table(&survey);
        let there = format!("SELECT WHERE to_regclass({}) IS NOT NULL", quote_literal(&table));
        if ask(client, &there).await?.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT file, bytes, extract(epoch FROM made_at) FROM {table} WHERE set_name = {} ORDER BY made_at",
            quote_literal(self.set().name())
        );
        Ok(ask(client, &sql).await?.iter().filter_map(read).collect())
    }
}

fn read(row: &tokio_postgres::SimpleQueryRow) -> Option<Backup> {
    let since = Duration::try_from_secs_f64(parsed(row, 2)?).ok()?;
    Some(Backup { file: text(row, 0)?.into(), bytes: parsed(row, 1)?, at: SystemTime::UNIX_EPOCH + since })
}

/// The table of backups, beside the history's.
fn table(survey: &Survey) -> String {
    format!("{}.migrate_backup", quote_ident(survey.table.schema()))
}

async fn ask(client: &Client, sql: &str) -> Result<Vec<tokio_postgres::SimpleQueryRow>, Error> {
    let answer = client.simple_query(sql).await;
    Ok(Answers::of(answer.map_err(|source| Error::server("keeping track of backups", source))?).next())
}
