//! Backups on request, before a run, and the list of those made.

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
    /// Dumps the database with `pg_dump -Fc` into a folder before anything is applied or reverted, and makes
    /// no dump if nothing is pending. If no usable `pg_dump` is found, or space is short, the run stops
    /// before it changes anything.
    ///
    /// The dump is made under the migration lock: of several replicas that start at once, one makes it, and
    /// the others wait until it is done, within their [`lock_wait`](Migrator::lock_wait). This suits a
    /// deployment step better than a service's boot. The table `migrate_backup` beside the history records
    /// the file's name and size: [`list_backups`](Migrator::list_backups). The target has to be a URL or a
    /// `Config`.
    pub fn backup_before(mut self, backups: impl Into<Backups>) -> Migrator {
        self.settings.backups = Some(backups.into());
        self
    }

    /// Dumps the database now, whether or not migrations are pending, and records the dump. Takes only read
    /// locks.
    ///
    /// # Errors
    ///
    /// [`Error::Backup`], and the errors of reading: see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends `pg_dump`, and removes its partial file.
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

    /// The backups of this set's database, made before runs and by [`backup`](Migrator::backup), oldest
    /// first.
    ///
    /// # Errors
    ///
    /// The errors of reading: see [`Error`].
    pub async fn list_backups<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<Backup>, Error> {
        let session = target.open().await?;
        let listed = match SessionInfo::take(&session, &self.settings).await {
            Ok(session_info) => self.backups_listed(&session, &session_info).await,
            Err(error) => Err(error),
        };
        session.close().await;
        listed
    }

    /// The same list over an open connection.
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
