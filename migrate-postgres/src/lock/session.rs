//! The lock as the session's.

use super::Lock;
use crate::error::Error;
use async_trait::async_trait;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Held by the session that works, so that it lasts exactly as long as the server works for it.
#[derive(Debug)]
pub(crate) struct SessionLock;

#[async_trait]
impl Lock for SessionLock {
    async fn try_acquire(&self, client: &Client, key: i64) -> Result<bool, Error> {
        call(client, "SELECT pg_catalog.pg_try_advisory_lock($1)", key).await
    }

    async fn release(&self, client: &Client, key: i64) -> Result<bool, Error> {
        call(client, "SELECT pg_catalog.pg_advisory_unlock($1)", key).await
    }

    fn abandon(&self, key: i64) -> String {
        // A session lock survives ROLLBACK, and can't be given back in a failed transaction.
        format!("ROLLBACK; SELECT pg_catalog.pg_advisory_unlock({key})")
    }
}

async fn call(client: &Client, sql: &str, key: i64) -> Result<bool, Error> {
    let row = client.query_typed_one(sql, &[(&key, Type::INT8)]).await;
    Ok(row.map_err(|source| Error::server("taking or giving back the migration lock", source))?.get(0))
}
