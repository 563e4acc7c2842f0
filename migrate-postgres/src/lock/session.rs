//! The lock as the session's.

use super::{Key, Lock, LockAttempt};
use crate::connection::protect;
use crate::error::Error;
use crate::sql::answers::is_true;
use async_trait::async_trait;
use migrate_core::engine::Holder;
use tokio_postgres::Client;

/// Held by the session that works, so that it lasts exactly as long as the server works for it.
#[derive(Debug)]
pub(crate) struct SessionLock {
    pub(crate) key: Key,
}

#[async_trait]
impl Lock for SessionLock {
    async fn try_acquire(
        &mut self,
        client: &Client,
        questions: &str,
    ) -> Result<LockAttempt, tokio_postgres::Error> {
        // One transaction, as all statements of a message are where nothing is said of one.
        let lock = self.key.try_query("pg_try_advisory_lock", "true");
        let message = format!("{}; {lock}; {questions}", protect::no_timeouts());
        Ok(self.key.tried(client.simple_query(&message).await?, 1))
    }

    async fn is_free(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        self.key.is_free(client).await
    }

    async fn release(&self, client: &Client) -> Result<bool, Error> {
        let rows = protect::ask(client, &self.release_query().unwrap_or_default()).await;
        let rows = rows.map_err(|source| Error::server("releasing the migration lock", source))?;
        Ok(rows.first().is_some_and(|row| is_true(row, 0)))
    }

    fn release_query(&self) -> Option<String> {
        Some(format!("SELECT pg_catalog.pg_advisory_unlock({})", self.key.sql()))
    }

    async fn keep(&self, _: &Client) {
        // It is lost with the connection, which is the one that works.
        std::future::pending::<()>().await;
    }

    fn abandon(&self) -> String {
        // A session lock survives ROLLBACK, and can't be given back in a failed transaction.
        format!("ROLLBACK; SELECT pg_catalog.pg_advisory_unlock({})", self.key.sql())
    }

    async fn holder(&self, client: &Client) -> Result<Holder, Error> {
        self.key.holder(client).await
    }
}
