//! Backups by hand, and those that were made.

use crate::backup::{Backup, Making, ask, read, table};
use crate::connection::target::Target;
use crate::error::{BackupError, Error};
use crate::history::SessionInfo;
use crate::migrator::Migrator;
use crate::settings::Backups;
use crate::sql::quote::quote_literal;
use migrate_core::engine::Progress;
use tokio_postgres::Client;

impl Migrator {
    /// Dumps the database by `pg_dump -Fc` into a folder before anything is applied or reverted; not where there is nothing to
    /// do. No usable `pg_dump`, or too little space, stops the run before it changes anything.
    ///
    /// The dump is made under the migration lock: of several replicas that begin at once one makes it, and the others wait for as long as it
    /// takes, within their [`lock_wait`](Migrator::lock_wait). That is for a step of a deployment rather than for the boot of a
    /// service. Its name and size are kept in the table `migrate_backup` beside the history: [`list_backups`](Migrator::list_backups). The
    /// target has to be a URL or a `Config`.
    pub fn backup_before(mut self, backups: impl Into<Backups>) -> Migrator {
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
    /// let backup = migrate!("tests/fixtures/quickstart").backup(url, "/var/backups/app").await?;
    /// println!("{backup}; {}", backup.restore_command("app_restored"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn backup<T: Target + ?Sized>(
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

    /// The backups that were made of this set's database, before runs and by [`backup`](Migrator::backup), oldest first.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn list_backups<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<Backup>, Error> {
        let session = target.open().await?;
        let listed = match SessionInfo::take(&session, &self.settings).await {
            Ok(session_info) => self.backups_listed(&session, &session_info).await,
            Err(error) => Err(error),
        };
        session.close().await;
        listed
    }

    /// The same over an open connection.
    pub(crate) async fn backups_listed(
        &self,
        client: &Client,
        session_info: &SessionInfo,
    ) -> Result<Vec<Backup>, Error> {
        let table = table(session_info);
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
