//! Making a backup and recording it.

use super::programs::{Dump, Programs, environment, free_space};
use super::{Backup, ask, table};
use crate::connection::endpoint::Endpoint;
use crate::connection::target::Target;
use crate::error::BackupError;
use crate::error::Error;
use crate::history::run_id;
use crate::history::settings::RunSettings;
use crate::history::{SessionInfo, make};
use crate::settings::Backups;
use crate::sql::answers::{parsed, text};
use crate::sql::quote::{quote_ident, quote_literal};
use migrate_core::engine::Progress;
use migrate_core::plan::Step;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio_postgres::{Client, SimpleQueryRow};

/// The backup that a run must make before its first step.
pub(crate) struct Due {
    backups: Backups,
    /// The server to dump; none if the target is an open connection.
    config: Option<Endpoint>,
}

impl Due {
    /// The backup that a run's settings require.
    pub(crate) fn of<T: Target + ?Sized>(settings: &RunSettings, target: &T) -> Result<Option<Due>, Error> {
        let due = settings.backups.as_ref().map(|backups| {
            let config = target.to_config()?;
            Ok(Due { backups: backups.clone(), config })
        });
        due.transpose()
    }

    /// Steps that only record something lose no data and need no backup.
    pub(crate) fn is_called_for(steps: &[Step<'_>]) -> bool {
        steps.iter().any(migrate_core::plan::Step::runs)
    }

    /// Makes the backup.
    pub(crate) async fn make(
        self,
        settings: &RunSettings,
        set: &str,
        progress: &mut Progress<'_>,
    ) -> Result<(), Error> {
        let config = &self.config.ok_or(BackupError::NoUrl)?;
        let making = Making { settings, set, backups: &self.backups, config };
        making.make(progress).await.map(drop)
    }
}

/// The inputs of a backup and its destination.
pub(crate) struct Making<'m> {
    pub(crate) settings: &'m RunSettings,
    pub(crate) set: &'m str,
    pub(crate) backups: &'m Backups,
    pub(crate) config: &'m Endpoint,
}

/// The database's size and name, and the time for the file's name.
const DATABASE: &str = "SELECT pg_catalog.pg_database_size(current_database()), current_database(), \
                        pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"')";

/// Interval between progress events.
const TELL_EVERY: Duration = Duration::from_millis(500);

impl Making<'_> {
    /// Makes the backup over a separate connection.
    pub(crate) async fn make(&self, progress: &mut Progress<'_>) -> Result<Backup, Error> {
        let began = Instant::now();
        let session = self.config.open().await?;
        let looked = self.probe(&session).await;
        session.close().await;
        let (session_info, rows) = looked?;
        let (file, bytes) = self.dump(&session_info, &rows, progress).await?;
        // The server, or a proxy before it, may close a connection that idles for as long as a dump takes.
        let session = self.config.open().await?;
        let recorded = self.record(&session_info, &session, file, bytes).await;
        session.close().await;
        let backup = recorded?;
        progress.backed_up(&backup.file, bytes, began.elapsed());
        Ok(backup)
    }

    /// Reads what the backup needs to know of the session and the database.
    async fn probe(&self, client: &Client) -> Result<(SessionInfo, Vec<SimpleQueryRow>), Error> {
        let session_info = SessionInfo::take(client, self.settings).await?;
        session_info.check_writable()?;
        Ok((session_info, ask(client, DATABASE).await?))
    }

    /// Dumps the database; returns the file and its size.
    async fn dump(
        &self,
        session_info: &SessionInfo,
        rows: &[SimpleQueryRow],
        progress: &mut Progress<'_>,
    ) -> Result<(PathBuf, u64), Error> {
        let shown = |column| rows.first().and_then(|row| text(row, column)).unwrap_or_default().to_owned();
        let server = session_info.server_version.unsigned_abs() / 10_000;
        let programs = Programs::find(self.backups.programs.as_deref(), server)?;
        let size: u64 = rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        self.check_space(size)?;
        let dump = Dump {
            programs: &programs,
            folder: &self.backups.folder,
            name: &name(&shown(1), &shown(2)),
            environment: &environment(self.config, &shown(1)),
        };
        let mut told: Option<Instant> = None;
        let made = dump
            .make(&mut |written| {
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    progress.backing_up(written, size);
                }
            })
            .await?;
        Ok(made)
    }

    fn check_space(&self, size: u64) -> Result<(), BackupError> {
        let (folder, needed) = (&self.backups.folder, size.saturating_add(self.backups.reserve));
        match free_space(folder)? {
            free if free < needed => {
                Err(BackupError::TooLittleSpace { folder: folder.clone(), free, needed })
            }
            _ => Ok(()),
        }
    }

    /// Records a backup's name and size.
    async fn record(
        &self,
        session_info: &SessionInfo,
        client: &Client,
        file: PathBuf,
        bytes: u64,
    ) -> Result<Backup, Error> {
        let schema = if session_info.schema_exists {
            String::new()
        } else {
            format!("CREATE SCHEMA IF NOT EXISTS {};", quote_ident(session_info.table.schema()))
        };
        let (table, set) = (table(session_info), quote_literal(self.set));
        let create = format!(
            "{schema} CREATE TABLE IF NOT EXISTS {table} (set_name text NOT NULL, file text NOT NULL, bytes bigint NOT NULL, \
             made_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp())"
        );
        let failed = |source| Error::server("recording the backup", source);
        make(client, &create).await.map_err(failed)?;
        let insert = format!(
            "INSERT INTO {table} (set_name, file, bytes) VALUES ({set}, {}, {bytes}) RETURNING extract(epoch FROM made_at)",
            quote_literal(&file.to_string_lossy())
        );
        let rows = ask(client, &insert).await?;
        let since = rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        let since = Duration::try_from_secs_f64(since).unwrap_or_default();
        Ok(Backup { file, bytes, at: SystemTime::UNIX_EPOCH + since })
    }
}

/// A file name that no other backup has.
fn name(database: &str, time: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let database: String = database.chars().map(plain).collect();
    format!("{database}-{time}-{}.dump", &run_id()[..8])
}
