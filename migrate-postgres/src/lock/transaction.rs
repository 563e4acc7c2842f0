//! The lock as a transaction's that is held open.

use super::{IS_FREE, Lock, holder, outcome};
use crate::error::Error;
use async_trait::async_trait;
use migrate_core::history::Holder;
use std::time::Duration;
use tokio_postgres::Client;

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
        // The transaction idles for as long as the migrations take, so no timeout of the role's may end it; they are set
        // by name where the server has them (`transaction_timeout` came with 17). BEGIN in a transaction of somebody
        // else's is only a warning, and then nothing may be set or taken.
        let message = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
             SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE {IS_FREE} AND name IN \
             ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'); \
             SELECT {IS_FREE}, CASE WHEN {IS_FREE} THEN pg_catalog.pg_try_advisory_xact_lock({key}) END",
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
        let got = outcome(&answer)?;
        if !got {
            client.batch_execute("ROLLBACK").await.map_err(failed)?;
        }
        Ok(got)
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
