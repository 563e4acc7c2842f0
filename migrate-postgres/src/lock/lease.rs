//! The lock as a row that expires.

use super::{Lock, LockAttempt};
use crate::connection::protect;
use crate::error::Error;
use crate::history::{HistoryTable, make};
use crate::sql::answers::{Answers, text};
use crate::sql::quote::{quote_ident, quote_literal};
use async_trait::async_trait;
use migrate_core::engine::Holder;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryRow};

/// A lock held by a row with an owner and an expiry, renewed by a heartbeat: for servers that speak
/// PostgreSQL's protocol and have no advisory locks.
///
/// A holder that can't renew it in time stops at once, in the middle of a statement: when the lease has
/// expired, another run may begin.
#[derive(Debug)]
pub(crate) struct LeaseLock {
    table: String,
    schema: String,
    history: String,
    set: String,
    owner: String,
    expiry: Duration,
}

/// The name of the table of leases, in the history's schema.
const TABLE: &str = "migrate_lease";

impl LeaseLock {
    pub(crate) fn new(history: &HistoryTable, set: &str, owner: &str, expiry: Duration) -> LeaseLock {
        LeaseLock {
            table: format!("{}.{}", quote_ident(history.schema()), quote_ident(TABLE)),
            schema: quote_ident(history.schema()),
            history: quote_literal(history.name()),
            set: quote_literal(set),
            owner: quote_literal(owner),
            expiry,
        }
    }

    fn until(&self) -> String {
        format!("pg_catalog.clock_timestamp() + interval '{} milliseconds'", self.expiry.as_millis())
    }

    fn take(&self) -> String {
        format!(
            "INSERT INTO {} AS l (history, set_name, owner, expires_at) VALUES ({}, {}, {}, {}) \
             ON CONFLICT (history, set_name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at \
             WHERE l.expires_at < pg_catalog.clock_timestamp() RETURNING true",
            self.table,
            self.history,
            self.set,
            self.owner,
            self.until()
        )
    }

    fn renew(&self) -> String {
        format!(
            "UPDATE {} SET expires_at = {} WHERE history = {} AND set_name = {} AND owner = {} \
             AND expires_at > pg_catalog.clock_timestamp() RETURNING true",
            self.table,
            self.until(),
            self.history,
            self.set,
            self.owner
        )
    }

    fn give_back(&self) -> String {
        format!(
            "DELETE FROM {} WHERE history = {} AND set_name = {} AND owner = {} RETURNING true",
            self.table, self.history, self.set, self.owner
        )
    }

    /// The holder, if there is one.
    pub(crate) async fn current(&self, client: &Client) -> Result<Option<Holder>, Error> {
        let sql = format!(
            "SELECT owner FROM {} WHERE history = {} AND set_name = {} AND expires_at > pg_catalog.clock_timestamp()",
            self.table, self.history, self.set
        );
        let rows = protect::ask(client, &sql).await.map_err(failed)?;
        Ok(rows.first().map(held_by))
    }

    async fn create(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let sql = format!(
            "CREATE SCHEMA IF NOT EXISTS {}; CREATE TABLE IF NOT EXISTS {} (history text, set_name text, \
             owner text NOT NULL, expires_at timestamptz NOT NULL, PRIMARY KEY (history, set_name))",
            self.schema, self.table
        );
        make(client, &sql).await
    }
}

/// The owner of a lease, from a row that begins with it.
fn held_by(row: &SimpleQueryRow) -> Holder {
    let mut holder = Holder::default();
    holder.application = text(row, 0).map(str::to_owned);
    holder
}

fn failed(source: tokio_postgres::Error) -> Error {
    match source.code() {
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Error::standby("the server does not accept writes"),
        _ => Error::server("acquiring or releasing the migration lease", source),
    }
}

#[async_trait]
impl Lock for LeaseLock {
    async fn try_acquire(
        &mut self,
        client: &Client,
        questions: &str,
    ) -> Result<LockAttempt, tokio_postgres::Error> {
        let rows = match protect::ask(client, &self.take()).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                self.create(client).await?;
                protect::ask(client, &self.take()).await
            }
            rows => rows,
        };
        if rows?.is_empty() {
            return Ok(LockAttempt::Held);
        }
        let locked = "SELECT set_config('migrate.locked', 'true', true)";
        let message = format!("{}; {locked}; {questions}", protect::no_timeouts());
        let mut answers = Answers::of(client.simple_query(&message).await?);
        answers.next();
        answers.next();
        Ok(LockAttempt::Got(answers))
    }

    async fn is_free(&self, _: &Client) -> Result<bool, tokio_postgres::Error> {
        // A try that fails is one statement too.
        Ok(true)
    }

    async fn keep(&self, client: &Client) {
        let (pause, renew) = (self.expiry / 3, self.renew());
        let idle_limit = protect::idle_limit(client).await;
        loop {
            protect::alive_until(client, idle_limit, tokio::time::sleep(pause)).await;
            let renewed = tokio::time::timeout(pause, protect::ask(client, &renew)).await;
            if !matches!(renewed, Ok(Ok(rows)) if !rows.is_empty()) {
                return;
            }
        }
    }

    async fn release(&self, client: &Client) -> Result<bool, Error> {
        Ok(!protect::ask(client, &self.give_back()).await.map_err(failed)?.is_empty())
    }

    fn abandon(&self) -> String {
        self.give_back()
    }

    fn outlives_session(&self) -> bool {
        true
    }

    async fn holder(&self, client: &Client) -> Result<Holder, Error> {
        let sql = format!(
            "SELECT owner FROM {} WHERE history = {} AND set_name = {}",
            self.table, self.history, self.set
        );
        let rows = protect::ask(client, &sql).await.map_err(failed)?;
        Ok(rows.first().map(held_by).unwrap_or_default())
    }
}
