//! The lock as the session's.

use super::{Lock, holder};
use crate::error::Error;
use async_trait::async_trait;
use migrate_core::history::Holder;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Held by the session that works, so that it lasts exactly as long as the server works for it.
#[derive(Debug)]
pub(crate) struct SessionLock {
    pub(crate) key: i64,
}

#[async_trait]
impl Lock for SessionLock {
    async fn try_acquire(&self, client: &Client) -> Result<bool, Error> {
        call(client, "SELECT pg_catalog.pg_try_advisory_lock($1)", self.key).await
    }

    async fn release(&self, client: &Client) -> Result<bool, Error> {
        call(client, "SELECT pg_catalog.pg_advisory_unlock($1)", self.key).await
    }

    async fn keep(&self, _: &Client) {
        // It is lost with the connection, which is the one that works.
        std::future::pending::<()>().await;
    }

    fn abandon(&self) -> String {
        // A session lock survives ROLLBACK, and can't be given back in a failed transaction.
        format!("ROLLBACK; SELECT pg_catalog.pg_advisory_unlock({})", self.key)
    }

    async fn holder(&self, client: &Client) -> Result<Holder, Error> {
        holder(client, self.key).await
    }
}

async fn call(client: &Client, sql: &str, key: i64) -> Result<bool, Error> {
    let row = client.query_typed_one(sql, &[(&key, Type::INT8)]).await;
    Ok(row.map_err(|source| Error::server("taking or giving back the migration lock", source))?.get(0))
}
