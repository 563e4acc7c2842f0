//! The lock as the session's.

use super::{IS_FREE, Lock, holder, outcome};
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
        let sql = format!(
            "SELECT {IS_FREE}, CASE WHEN {IS_FREE} THEN pg_catalog.pg_try_advisory_lock({}) END",
            self.key
        );
        outcome(&client.simple_query(&sql).await.map_err(failed)?)
    }

    async fn release(&self, client: &Client) -> Result<bool, Error> {
        let sql = "SELECT pg_catalog.pg_advisory_unlock($1)";
        Ok(client.query_typed_one(sql, &[(&self.key, Type::INT8)]).await.map_err(failed)?.get(0))
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

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("taking or giving back the migration lock", source)
}
