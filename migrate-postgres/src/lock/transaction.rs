//! The lock as a transaction's that is held open.

use super::{Key, Lock, LockAttempt, crowd};
use crate::connection::protect;
use crate::error::Error;
use crate::sql::answers::simple_query;
use async_trait::async_trait;
use migrate_core::engine::Holder;
use std::time::Duration;
use tokio_postgres::Client;

/// Held by an idle transaction. A pooler in transaction mode keeps the server connection for it, and READ COMMITTED
/// keeps no snapshot between statements, so that `CREATE INDEX CONCURRENTLY` elsewhere does not wait for it.
#[derive(Debug)]
pub(crate) struct TransactionLock {
    pub(crate) key: Key,
    /// True if the run released the lock because the pooler had no connection left for the work.
    pub(crate) has_given_way: bool,
}

/// The interval at which the server checks for a lost connection.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[async_trait]
impl Lock for TransactionLock {
    async fn try_acquire(
        &mut self,
        client: &Client,
        questions: &str,
    ) -> Result<LockAttempt, tokio_postgres::Error> {
        // The transaction idles for as long as the migrations take, so no timeout of the role's may end it
        // (`transaction_timeout` came with 17). BEGIN in a transaction of another owner only warns, and then
        // nothing may be set or taken. The questions read the session's settings; for the timeouts they get
        // the original values. The locks that the questions take, on catalogs and the history's table, are
        // released at once: otherwise the transaction would block `REINDEX` on them.
        let message = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {no_timeouts}; {lock}; \
             SAVEPOINT asked; {questions}; ROLLBACK TO SAVEPOINT asked; RELEASE SAVEPOINT asked",
            no_timeouts = protect::no_timeouts(),
            lock = self.key.try_query("pg_try_advisory_xact_lock", &crowd::may_try(self.has_given_way))
        );
        let mut tried = match simple_query(client, &message).await {
            Ok(answer) => self.key.tried(answer, 2),
            Err(error) => {
                // After any error, end the failed transaction on the connection.
                drop(client.batch_execute("ROLLBACK").await);
                return Err(error);
            }
        };
        if let LockAttempt::Got(answers) = &mut tried {
            // SAVEPOINT has no rows.
            answers.next();
        }
        if matches!(tried, LockAttempt::Held | LockAttempt::NoSchema) {
            client.batch_execute("ROLLBACK").await?;
        }
        Ok(tried)
    }

    async fn is_free(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        self.key.is_free_where(client, &crowd::may_try(self.has_given_way)).await
    }

    async fn release(&self, client: &Client) -> Result<bool, Error> {
        client
            .batch_execute("COMMIT")
            .await
            .map_err(|source| Error::server("releasing the migration lock", source))?;
        Ok(true)
    }

    fn mark(&self, holder: i32) -> Option<String> {
        self.key.mark(holder)
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
        self.key.holder(client).await
    }
}
