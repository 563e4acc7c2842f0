//! The template: the database that the set is applied to, once for all tests.

use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

use super::keeper::{Failed, IN_USE, Keeper};
use super::key::Key;
use super::name::{self, DatabaseMark};
use crate::migrator::Migrator;
use crate::sql::quote::{quote_ident, quote_literal};
use crate::testing::TestingError;

/// Runs the seeds, if the tests ask for them.
pub(super) async fn seed(migrator: &Migrator, config: &Config) -> Result<(), TestingError> {
    if !migrator.settings.seeds_tests {
        return Ok(());
    }
    let seeded = migrator.seed(config).await;
    seeded.map(drop).map_err(|error| TestingError::Migrate { source: error.into() })
}

/// Seconds during which a template in use gets no new mark.
const MARKED_FOR: i64 = 3600;

/// The server's stock of a template.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) has_template: bool,
    pub(super) spares: Vec<String>,
}

impl Keeper {
    /// Reads the state of the template and its number of spares.
    pub(super) async fn stock(&self, key: Key) -> Result<Stock, TestingError> {
        let template = name::template(key);
        let sql = format!(
            "SELECT datname::text FROM pg_catalog.pg_database WHERE datname = {} OR starts_with(datname::text, {})",
            quote_literal(&template),
            quote_literal(&name::spares(key)),
        );
        let rows = self.with(async |client| client.query_typed(&sql, &[]).await).await;
        let names = rows.map_err(Failed::told("look for", &template))?;
        let names = names.iter().map(|row| row.get::<_, String>(0));
        let (templates, spares): (Vec<_>, Vec<_>) = names.partition(|name| *name == template);
        Ok(Stock { has_template: !templates.is_empty(), spares })
    }

    /// Makes the template, unless another process has made it by the time we hold the lock.
    pub(super) async fn ensure_template(&self, key: Key, migrator: &Migrator) -> Result<(), TestingError> {
        let template = name::template(key);
        let fill = async |name: &str| {
            let migrated = migrator.run(&self.config(name)).await;
            migrated.map_err(|error| TestingError::Migrate { source: error.into() })?;
            seed(migrator, &self.config(name)).await?;
            // A template can't be copied while a session is connected to it.
            let close = format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", quote_ident(name));
            self.execute(&close).await.map_err(Failed::told("close", name))
        };
        self.ensure(key, &template, fill).await
    }

    /// Creates and fills a database of this name, unless another process has done so by the time we hold the
    /// lock.
    pub(super) async fn ensure(
        &self,
        key: Key,
        name: &str,
        fill: impl AsyncFnOnce(&str) -> Result<(), TestingError>,
    ) -> Result<(), TestingError> {
        // On a separate session: if the call is dropped halfway, the lock is released.
        let lock = key.lock("build");
        let session = self.take().await?;
        // Waiting here holds a snapshot of this database only, so CREATE INDEX CONCURRENTLY in the other one
        // does not wait for it.
        let locked = session.batch_execute(&format!("SELECT pg_advisory_lock({lock})")).await;
        locked.map_err(Failed::Refused).map_err(Failed::told("lock", name))?;
        if !self.exists(name).await? {
            self.build(name, fill).await?;
        }
        if session.batch_execute(&format!("SELECT pg_advisory_unlock({lock})")).await.is_ok() {
            self.give_back(session);
        }
        Ok(())
    }

    pub(super) async fn exists(&self, database: &str) -> Result<bool, TestingError> {
        let sql = format!("SELECT FROM pg_catalog.pg_database WHERE datname = {}", quote_literal(database));
        let rows = self.with(async |client| client.query_typed(&sql, &[]).await).await;
        Ok(!rows.map_err(Failed::told("look for", database))?.is_empty())
    }

    /// Uses a draft name until the database is complete, so that a killed process leaves no broken template.
    async fn build(
        &self,
        name: &str,
        fill: impl AsyncFnOnce(&str) -> Result<(), TestingError>,
    ) -> Result<(), TestingError> {
        let own = self.draft_name();
        let database = quote_ident(&own);
        let create = format!("CREATE DATABASE {database} TEMPLATE template0");
        self.execute(&create).await.map_err(Failed::told("create", &own))?;
        let filled = match fill(&own).await {
            Ok(()) => self.comment(&own, "used", "").await,
            Err(error) => Err(error),
        };
        if let Err(error) = filled {
            // Best effort: the next process's sweep is the second safety net.
            drop(self.drop_database(&own).await);
            return Err(error);
        }
        match self.execute(&format!("ALTER DATABASE {database} RENAME TO {}", quote_ident(name))).await {
            // Made in the meantime by a process that locks from another database.
            Err(failed) if failed.code() == Some(&SqlState::DUPLICATE_DATABASE) => {
                self.drop_database(&own).await
            }
            renamed => renamed.map_err(Failed::told("rename", &own)),
        }
    }

    /// Protects a template from other processes' sweeps while this process lives, and for some time after.
    pub(super) async fn mark_used(&self, key: Key, database: &str) -> Result<(), TestingError> {
        let lock = format!("SELECT pg_try_advisory_lock_shared({})", key.lock(IN_USE));
        let locked = self.session.batch_execute(&lock).await;
        locked.map_err(Failed::Refused).map_err(Failed::told("lock", database))?;
        if self.was_used_lately(database).await? {
            return Ok(());
        }
        self.comment(database, "used", "").await
    }

    /// True if a new mark would add little. Making one waits for running copies, and blocks others.
    async fn was_used_lately(&self, database: &str) -> Result<bool, TestingError> {
        let sql = format!(
            "SELECT pg_catalog.shobj_description(oid, 'pg_database'), pg_catalog.date_part('epoch', pg_catalog.now())::bigint \
             FROM pg_catalog.pg_database WHERE datname = {}",
            quote_literal(database)
        );
        let rows = self.with(async |client| client.query_typed(&sql, &[]).await).await;
        let rows = rows.map_err(Failed::told("inspect", database))?;
        Ok(rows.first().is_some_and(|row| {
            let mark = row.get::<_, Option<&str>>(0).and_then(DatabaseMark::read);
            matches!(mark, Some(DatabaseMark::Used(at)) if row.get::<_, i64>(1) - at < MARKED_FOR)
        }))
    }

    /// Sets the comment of a database: a word, the server's time, a text.
    pub(super) async fn comment(&self, database: &str, word: &str, text: &str) -> Result<(), TestingError> {
        let comment = name::comment("DATABASE", database, word, text);
        self.execute(&comment).await.map_err(Failed::told("mark", database))
    }
}
