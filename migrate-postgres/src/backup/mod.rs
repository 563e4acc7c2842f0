//! Dumping the database before a run changes anything.

mod making;
mod programs;

pub(crate) use making::{Due, Making};

use crate::connection::protect;
use crate::display::units::Bytes;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::sql::answers::{parsed, text};
use crate::sql::quote::quote_ident;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;

/// A finished dump, verified by `pg_restore --list`.
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
    /// The shell command that restores the dump into a new database of this name. The server to connect to
    /// comes from the caller's environment (`PGHOST`, `PGUSER`, …).
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
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{}, {}", self.file.display(), Bytes(self.bytes))
    }
}

pub(crate) fn read(row: &tokio_postgres::SimpleQueryRow) -> Option<Backup> {
    let since = Duration::try_from_secs_f64(parsed(row, 2)?).ok()?;
    Some(Backup { file: text(row, 0)?.into(), bytes: parsed(row, 1)?, at: SystemTime::UNIX_EPOCH + since })
}

/// The table of backups, beside the history's.
pub(crate) fn table(session_info: &SessionInfo) -> String {
    format!("{}.migrate_backup", quote_ident(session_info.table.schema()))
}

pub(crate) async fn ask(client: &Client, sql: &str) -> Result<Vec<tokio_postgres::SimpleQueryRow>, Error> {
    let answer = protect::ask(client, sql).await;
    answer.map_err(|source| Error::server("recording the backup", source))
}
