//! The lock as a transaction's that is held open.

use super::Lock;
use crate::error::Error;
use async_trait::async_trait;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Held by an idle transaction. A pooler in transaction mode keeps the server connection for it, and READ COMMITTED
/// keeps no snapshot between statements, so that `CREATE INDEX CONCURRENTLY` elsewhere does not wait for it.
#[derive(Debug)]
pub(crate) struct TransactionLock;

#[async_trait]
impl Lock for TransactionLock {
    async fn try_acquire(&self, client: &Client, key: i64) -> Result<bool, Error> {
        // The transaction idles for as long as the migrations take, so no timeout of the role's may end it. They are
        // set by name where the server has them (`transaction_timeout` came with 17).
        let message = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
             SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL statement_timeout = 0; \
             SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings \
             WHERE name = 'transaction_timeout'; \
             SELECT pg_catalog.pg_try_advisory_xact_lock({key})"
        );
        let failed = |source| Error::server("taking the migration lock", source);
        let answer = match client.simple_query(&message).await {
            Ok(answer) => answer,
            Err(error) => {
                // Whatever it was, the connection is not to stay in a failed transaction.
                drop(client.batch_execute("ROLLBACK").await);
                return Err(failed(error));
            }
        };
        let got = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0) == Some("t")),
            _ => None,
        });
        if got != Some(true) {
            client.batch_execute("ROLLBACK").await.map_err(failed)?;
        }
        Ok(got == Some(true))
    }

    async fn release(&self, client: &Client, _: i64) -> Result<bool, Error> {
        client
            .batch_execute("COMMIT")
            .await
            .map_err(|source| Error::server("giving back the migration lock", source))?;
        Ok(true)
    }

    fn abandon(&self, _: i64) -> String {
        "ROLLBACK".to_owned()
    }
}
