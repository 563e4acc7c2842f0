//! The lock as a transaction's that is held open.

use super::{Lock, holder};
use crate::error::Error;
use async_trait::async_trait;
use migrate_core::history::Holder;
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Held by an idle transaction. A pooler in transaction mode keeps the server connection for it, and READ COMMITTED
/// keeps no snapshot between statements, so that `CREATE INDEX CONCURRENTLY` elsewhere does not wait for it.
#[derive(Debug)]
pub(crate) struct TransactionLock {
    pub(crate) key: i64,
}

/// How often a connection that is lost would be noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[async_trait]
impl Lock for TransactionLock {
    async fn try_acquire(&self, client: &Client) -> Result<bool, Error> {
        // The transaction idles for as long as the migrations take, so no timeout of the role's may end it. They are
        // set by name where the server has them (`transaction_timeout` came with 17).
        let message = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
             SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL statement_timeout = 0; \
             SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings \
             WHERE name = 'transaction_timeout'; \
             SELECT pg_catalog.pg_try_advisory_xact_lock({key})",
            key = self.key
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

    async fn release(&self, client: &Client) -> Result<bool, Error> {
        client
            .batch_execute("COMMIT")
            .await
            .map_err(|source| Error::server("giving back the migration lock", source))?;
        Ok(true)
    }

    async fn keep(&self, client: &Client) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // An empty query: any other would take a snapshot, and a CREATE INDEX CONCURRENTLY that sees it would wait for
            // the end of this transaction.
            if client.is_closed() || client.check_connection().await.is_err() {
                return;
            }
        }
    }

    fn abandon(&self) -> String {
        "ROLLBACK".to_owned()
    }

    async fn holder(&self, client: &Client) -> Result<Holder, Error> {
        holder(client, self.key).await
    }
}
