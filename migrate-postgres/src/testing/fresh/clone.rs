//! A test's private database.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZero;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;

use tokio_postgres::error::SqlState;

use super::keeper::{Failed, Keeper};
use super::key::Key;
use super::name;
use crate::migrator::Migrator;
use crate::sql::quote::{quote_ident, quote_literal};
use crate::testing::TestingError;
use crate::testing::database::drop_statements;

impl Keeper {
    /// A private database with the set of `migrator` applied. Returns its name.
    pub(in crate::testing) async fn database(
        self: &Arc<Self>,
        migrator: &Migrator,
    ) -> Result<String, TestingError> {
        let key = Key::of(migrator, &self.role);
        let name = loop {
            let stock = self.stock(key).await?;
            if let Some(name) = self.claim(stock.spares).await? {
                break name;
            }
            if !stock.has_template {
                self.ensure_template(key, migrator).await?;
            }
            let name = self.own_name();
            match self.copy(key, &name).await {
                Ok(()) => break name,
                // Another process's sweep dropped the template in between: start over with its creation.
                Err(failed) if failed.code() == Some(&SqlState::UNDEFINED_DATABASE) => {}
                Err(failed) => return Err(Failed::told("copy", &name::template(key))(failed)),
            }
        };
        self.use_once(key, &name::template(key));
        self.work_ahead(key);
        Ok(name)
    }

    /// Claims one of the spares.
    async fn claim(&self, mut spares: Vec<String>) -> Result<Option<String>, TestingError> {
        // Random, so that processes that look at the same time do not all try the same spare.
        while !spares.is_empty() {
            let spare = spares.swap_remove(random() as usize % spares.len());
            let name = self.own_name();
            let rename = format!("ALTER DATABASE {} RENAME TO {}", quote_ident(&spare), quote_ident(&name));
            match self.execute(&rename).await {
                Ok(()) => return Ok(Some(name)),
                // Another process has claimed it, or is about to.
                Err(failed)
                    if matches!(
                        failed.code(),
                        Some(&SqlState::UNDEFINED_DATABASE | &SqlState::OBJECT_IN_USE)
                    ) => {}
                Err(failed) => return Err(Failed::told("rename", &spare)(failed)),
            }
        }
        Ok(None)
    }

    async fn copy(&self, key: Key, name: &str) -> Result<(), Failed> {
        let template = name::template(key);
        let (own, from) = (quote_ident(name), quote_ident(&template));
        self.execute(&format!("CREATE DATABASE {own} TEMPLATE {from}{}", self.strategy)).await?;
        self.execute(&copy_settings(&template, name)).await
    }

    /// Drops a database and ends its connections.
    pub(in crate::testing) async fn drop_database(&self, name: &str) -> Result<(), TestingError> {
        for statement in drop_statements(name, self.version_num) {
            self.execute(&statement).await.map_err(Failed::told("drop", name))?;
        }
        Ok(())
    }

    /// Protects the database of a failed test from sweeps.
    pub(in crate::testing) async fn keep(&self, name: &str, test: &str) -> Result<(), TestingError> {
        self.comment(name, "kept", test).await
    }

    /// Makes spares for the next tests while this one runs.
    fn work_ahead(self: &Arc<Self>, key: Key) {
        if self.is_filling.swap(true, Ordering::Relaxed) {
            return;
        }
        // A weak reference: after the last database of a server is dropped, spares are no longer needed.
        let keeper = Arc::downgrade(self);
        self.spawn(async move {
            let Some(keeper) = keeper.upgrade() else { return };
            // The outcome does not matter here: whatever fails will fail again in a call that reports it.
            drop(keeper.fill(key).await);
            keeper.is_filling.store(false, Ordering::Relaxed);
        });
    }

    /// Once for each template that a process uses: marks it as used, and sweeps.
    pub(super) fn use_once(self: &Arc<Self>, key: Key, database: &str) {
        let is_first = self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        if is_first {
            let (keeper, database) = (Arc::clone(self), database.to_owned());
            self.spawn(async move {
                drop(keeper.mark_used(key, &database).await);
                drop(keeper.sweep().await);
            });
        }
    }

    /// Makes spares until there are enough, one process at a time.
    async fn fill(&self, key: Key) -> Result<(), TestingError> {
        let template = name::template(key);
        let lock = key.lock("fill");
        let session = self.take().await?;
        let sql = format!("SELECT pg_try_advisory_lock({lock})");
        let locked = session.query_typed_one(&sql, &[]).await;
        let locked = locked.map_err(Failed::Refused).map_err(Failed::told("lock", &template))?;
        if locked.get(0) {
            while self.stock(key).await?.spares.len() < enough() {
                let copy = self.draft_name();
                self.copy(key, &copy).await.map_err(Failed::told("copy", &template))?;
                let spare = format!("{}{:08x}", name::spares(key), random());
                let rename =
                    format!("ALTER DATABASE {} RENAME TO {}", quote_ident(&copy), quote_ident(&spare));
                self.execute(&rename).await.map_err(Failed::told("rename", &copy))?;
            }
            let unlocked = session.batch_execute(&format!("SELECT pg_advisory_unlock({lock})")).await;
            unlocked.map_err(Failed::Refused).map_err(Failed::told("unlock", &template))?;
        }
        self.give_back(session);
        Ok(())
    }
}

/// Copies the settings that the set made with `ALTER DATABASE … SET`, which `CREATE DATABASE` does not copy.
fn copy_settings(template: &str, copy: &str) -> String {
    // Through the session's own value, because lists are not quoted like strings.
    let block = format!(
        "DECLARE setting text; key text; BEGIN \
         FOR setting IN SELECT unnest(setconfig) FROM pg_catalog.pg_db_role_setting s \
           JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE d.datname = {} AND setrole = 0 LOOP \
           key := split_part(setting, '=', 1); \
           PERFORM set_config(key, substr(setting, strpos(setting, '=') + 1), true); \
           EXECUTE format('ALTER DATABASE %I SET %I FROM CURRENT', {}, key); \
         END LOOP; END",
        quote_literal(template),
        quote_literal(copy),
    );
    format!("DO {}", quote_literal(&block))
}

/// The number of spares of a template: about as many as tests run in parallel.
fn enough() -> usize {
    thread::available_parallelism().map_or(2, NonZero::get).clamp(2, 8)
}

fn random() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}
