//! A scratch database given by the caller.

use super::emptying::{Dropping, drops};
use super::guard::Guard;
use super::marker::Marker;
use super::{Counted, clear_up};
use crate::connection::endpoint::Endpoint;
use crate::connection::protect;
use crate::connection::target::connect;
use crate::error::Error;
use crate::error::ScratchError;
use crate::history::run_id;
use crate::sql::answers::text;
use crate::sql::quote::quote_literal;
use migrate_core::advice::Advice;
use std::time::Duration;
use tokio_postgres::Client;

/// A database that is empty except for extensions. It is locked while the value lives, and emptied with it.
#[derive(Debug)]
pub(super) struct BorrowedScratch {
    config: Endpoint,
    name: String,
    marker: Marker,
    guard: Option<Guard>,
    /// Registers it with callers that wait until it is emptied.
    counted: Counted,
}

/// The lock key that all comparisons on a database share: "mgscratc" in ASCII.
const KEY: i64 = 0x6d67_7363_7261_7463;

impl BorrowedScratch {
    /// Locks it, and checks that it is empty and not the database of `live`.
    pub(super) async fn take(config: &Endpoint, live: &Client) -> Result<BorrowedScratch, Error> {
        let failed = |source| Error::server("reading the scratch database", source);
        // The second key is unique to this call: a session that sees it among its database's locks is in that
        // database.
        let id = run_id();
        let key = i64::from_str_radix(&id[..15], 16).unwrap_or_default();
        let (guard, [locked, _]) = Guard::take(config, [KEY, key]).await?;
        let session = connect(config).await?;
        let rows = protect::ask(&session, "SELECT pg_catalog.current_database()").await.map_err(failed)?;
        let database = rows.first().and_then(|row| text(row, 0)).unwrap_or_default().to_owned();
        if is_here(live, key).await? {
            return Err(ScratchError::Same { database }.into());
        }
        if !locked {
            return Err(ScratchError::InUse { database }.into());
        }
        if let Some(marker) = Marker::find(&session).await.map_err(failed)? {
            clear_after(&session, &database, &marker).await?;
        }
        let (stays, held) = stays_and_held(&session).await.map_err(failed)?;
        if let Some(first) = held.first() {
            let first = dropped(first);
            return Err(ScratchError::NotEmpty { database, count: held.len(), first }.into());
        }
        let marker = Marker::new(&id, stays);
        marker.put(&session).await;
        session.close().await;
        let config = config.clone();
        Ok(BorrowedScratch { config, name: database, marker, guard: Some(guard), counted: Counted::new() })
    }

    /// The configuration of working sessions, marked so that they differ from sessions that only try for the
    /// lock.
    pub(super) fn marked(&self, mut config: Endpoint) -> Endpoint {
        config.application_name(&self.marker.sessions);
        config
    }

    /// Empties it and releases the lock.
    pub(super) async fn empty_now(mut self) -> Result<(), Error> {
        let session = connect(&self.config).await?;
        let emptied = clear(&session, &self.name, &self.marker).await;
        session.close().await;
        if let Some(guard) = self.guard.take() {
            end(guard).await;
        }
        emptied
    }
}

impl Drop for BorrowedScratch {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            let (config, name, marker) = (self.config.clone(), self.name.clone(), self.marker.clone());
            clear_up(self.counted.clone(), async move {
                let session = connect(&config).await?;
                end_marked(&session, &marker.sessions).await;
                let emptied = clear(&session, &name, &marker).await;
                session.close().await;
                end(guard).await;
                emptied
            });
        }
    }
}

/// Releases the lock, and waits until its connection is closed.
async fn end(guard: Guard) {
    if let Some(session) = guard.release().await {
        session.close().await;
    }
}

/// The statements that would drop existing objects: first those of objects that stay, then those of all
/// others.
async fn stays_and_held(client: &Client) -> Result<(Vec<String>, Vec<String>), tokio_postgres::Error> {
    let (stays, held): (Vec<_>, Vec<_>) = drops(client).await?.into_iter().partition(|drop| drop.stays);
    let [stays, held] = [stays, held].map(|drops| drops.into_iter().map(|drop| drop.sql).collect());
    Ok((stays, held))
}

/// The object that a statement drops.
fn dropped(statement: &str) -> String {
    statement.trim_start_matches("DROP ").trim_end_matches(" CASCADE").replace("IF EXISTS ", "")
}

/// Empties a database after a comparison whose process was killed, unless something was created there since.
async fn clear_after(client: &Client, database: &str, marker: &Marker) -> Result<(), Error> {
    let failed = |source| Error::server("reading the scratch database", source);
    end_marked(client, &marker.sessions).await;
    if marker.covers_all(client).await.map_err(failed)? {
        return clear(client, database, marker).await;
    }
    let (stays, held) = stays_and_held(client).await.map_err(failed)?;
    let first = held.iter().chain(stays.iter().filter(|stays| !marker.stays.contains(stays))).next();
    let first = first.map_or_else(String::new, |first| dropped(first));
    Err(ScratchError::LeftBehind { database: database.to_owned(), count: held.len(), first }.into())
}

/// Empties it, and finally removes the marker.
async fn clear(client: &Client, database: &str, marker: &Marker) -> Result<(), Error> {
    empty(client, database, &marker.stays).await?;
    let removed = marker.remove(client).await;
    removed.map_err(|source| Error::server("removing the marker from the scratch database", source))
}

/// Ends the sessions of a canceled or killed comparison: the server may still be executing its last
/// statement.
async fn end_marked(client: &Client, mark: &str) {
    let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
               WHERE datname = current_database() AND usename = current_user AND application_name";
    let sql = format!("{sql} = {}", quote_literal(mark));
    for _ in 0..100 {
        match protect::ask(client, &sql).await {
            Ok(others) if !others.is_empty() => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => return,
        }
    }
}

/// True if a lock is held in the database of a connection.
async fn is_here(live: &Client, key: i64) -> Result<bool, Error> {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database \
         WHERE l.locktype = 'advisory' AND d.datname = current_database() \
         AND (l.classid::int8 << 32) | l.objid::int8 = {key}"
    );
    let rows = protect::ask(live, &sql).await;
    Ok(!rows.map_err(|source| Error::server("reading the locks", source))?.is_empty())
}

/// True if a database is empty.
#[cfg(feature = "testing")]
pub(crate) async fn is_empty(client: &Client) -> Result<bool, Error> {
    let drops = drops(client).await;
    Ok(drops.map_err(|source| Error::server("reading the database", source))?.is_empty())
}

/// Drops everything in a database.
#[cfg(feature = "testing")]
pub(crate) async fn empty_all(client: &Client) -> Result<(), Error> {
    empty(client, "", &[]).await
}

async fn empty(client: &Client, database: &str, stays: &[String]) -> Result<(), Error> {
    let failed = |source| ScratchError::Server {
        doing: "emptying",
        database: database.to_owned(),
        source,
        advice: Advice::fix("empty it by hand; the comparison itself was done"),
    };
    let drops = drops(client).await.map_err(failed)?;
    for Dropping { sql, .. } in drops.iter().filter(|drop| !stays.contains(&drop.sql)) {
        protect::ask(client, sql).await.map_err(failed)?;
    }
    Ok(())
}
