//! Other tools' histories: their adoption, and the table of another tool as the history.

use super::Migrator;
use crate::connection::target::Target;
use crate::error::Error;
#[cfg(feature = "histories")]
use crate::history::foreign::{Adopting, ForeignTable, ToolTable};
#[cfg(feature = "histories")]
use migrate_core::history::foreign::ForeignHistory;

/// Other tools' histories.
impl Migrator {
    /// Takes over another tool's history. If this set has no history yet, and Prisma, sqlx, refinery, diesel, golang-migrate,
    /// dbmate, Rails, goose or Flyway has one, [`run`](Migrator::run) marks its migrations as applied and then applies pending
    /// ones. That happens once. From then on the setting costs nothing and may stay in the code.
    ///
    /// Everything is checked first: each tool's own checksum of the file, failed migrations, and that the set has all applied
    /// migrations. Then all rows are written in one transaction, under the lock and under Prisma's and sqlx's own lock, with
    /// the times recorded by the other tool, and only if its table has not changed since it was read. That table stays as it is.
    /// [`plan`](Migrator::plan) shows what would be taken over.
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").adopt().run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Refused::UnusableHistory`](crate::Refused::UnusableHistory) lists every obstacle and what to do about it. After
    /// [`Error::SeveralHistories`], choose one with [`adopt_from`](Migrator::adopt_from).
    pub fn adopt(mut self) -> Migrator {
        self.settings.adopting = Some(Adopting::Any);
        self
    }

    /// Takes over this history, if several tools have one or if it is not in the usual place.
    ///
    /// ```
    /// use migrate_postgres::{migrate, tools};
    ///
    /// let migrator = migrate!("tests/fixtures/quickstart").adopt_from(tools::sqlx().schema("app"));
    /// ```
    pub fn adopt_from(mut self, table: impl Into<ToolTable>) -> Migrator {
        self.settings.adopting = Some(Adopting::From(table.into()));
        self
    }

    /// Keeps the history in the table of another tool, with rows as that tool writes them, so that the tool can still be used.
    /// Migrations applied by either one are applied for both.
    ///
    /// ```no_run
    /// use migrate_postgres::{migrate, tools};
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").foreign_history(tools::sqlx()).run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Such a table does not record who migrated, failed attempts, down scripts of newer releases, or several sets. The check at boot
    /// is still one query, but it reads all rows. Each migration is also applied under the tool's own lock, if it has one (Prisma,
    /// sqlx); the run polls for that lock and never waits for it on the server.
    ///
    /// **Migrations that are committed in parts** (statement by statement, or by transactions of the script's own) have their
    /// checkpoint in `applied_steps_count` of Prisma's and `execution_time` of sqlx's table. To those tools such a row is a failed
    /// migration until it is done, so they apply nothing meanwhile. The tables of refinery and diesel have no such column, and none
    /// has one for a revert in progress: there the checkpoint is in a small table beside it (`…_checkpoint`), which is created with
    /// the first checkpoint and dropped when the migration ends. The tool does not read that table, so let this library finish what
    /// it has begun. A role that may not create tables can run only scripts of one part, not counting settings; other scripts are an
    /// error before anything is done.
    pub fn foreign_history(mut self, table: ForeignTable) -> Migrator {
        self.settings.history_schema = table.0.schema.clone();
        self.settings.history_table = table.0.table.clone();
        self.settings.keeping = Some(table);
        self
    }

    /// The histories of other tools in the database, whatever their content. Nothing is written.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn foreign_histories<T: Target + ?Sized>(
        &self,
        target: &T,
    ) -> Result<Vec<ForeignHistory>, Error> {
        let session = target.open().await?;
        let found = crate::history::foreign::found(&session).await;
        session.close().await;
        found
    }
}
