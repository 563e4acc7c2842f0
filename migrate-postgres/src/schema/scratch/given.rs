//! A scratch database that somebody gives.

use super::emptying::{Dropping, drops};
use super::{Counted, clear_up};
use crate::connection::endpoint::Endpoint;
use crate::connection::session::Session;
use crate::connection::target::connect;
use crate::error::Error;
use crate::error::ScratchError;
use crate::history::run_id;
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// A database that is empty but for extensions, locked for as long as the value lives, and emptied with it.
#[derive(Debug)]
pub(super) struct Given {
    name: String,
    /// The application name of the sessions that work in it.
    mark: String,
    /// The statements that would drop what was there beforehand and stays.
    stays: Vec<String>,
    guard: Option<Guard>,
    /// For whoever waits until it is emptied.
    counted: Counted,
}

/// The connection that holds the lock.
struct Guard(Session<'static>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

/// What all comparisons on a database agree on: "mgscratc" in ASCII.
const KEY: i64 = 0x6d67_7363_7261_7463;

impl Given {
    /// Locks it, and makes sure that it is empty and not the database of `live`.
    pub(super) async fn take(config: &Endpoint, live: &Client) -> Result<Given, Error> {
        let guard = connect(config).await?;
        let failed = |source| Error::server("looking at the scratch database", source);
        // The second key is of this call alone: whoever finds it in the locks of a database is in that database.
        let id = run_id();
        let key = i64::from_str_radix(&id[..15], 16).unwrap_or_default();
        let sql = "SELECT current_database()::text, pg_catalog.pg_try_advisory_lock($1), pg_catalog.pg_try_advisory_lock($2)";
        let row =
            guard.query_typed_one(sql, &[(&KEY, Type::INT8), (&key, Type::INT8)]).await.map_err(failed)?;
        let (database, locked): (String, bool) = (row.get(0), row.get(1));
        if is_here(live, key).await? {
            return Err(ScratchError::Same { database }.into());
        }
        if !locked {
            return Err(ScratchError::InUse { database }.into());
        }
        let (stays, held) =
            drops(&guard).await.map_err(failed)?.into_iter().partition::<Vec<_>, _>(|drop| drop.stays);
        let [stays, held] =
            [stays, held].map(|drops| drops.into_iter().map(|drop| drop.sql).collect::<Vec<_>>());
        if let Some(first) = held.first() {
            let first =
                first.trim_start_matches("DROP ").trim_end_matches(" CASCADE").replace("IF EXISTS ", "");
            return Err(ScratchError::NotEmpty { database, count: held.len(), first }.into());
        }
        Ok(Given {
            name: database,
            mark: format!("migrate scratch {id}"),
            stays,
            guard: Some(Guard(guard)),
            counted: Counted::new(),
        })
    }

    /// How to connect to it for work, so that these sessions are told from those of somebody who only asks for the lock.
    pub(super) fn marked(&self, mut config: Endpoint) -> Endpoint {
        config.application_name(&self.mark);
        config
    }

    /// Empties it and gives the lock back.
    pub(super) async fn empty_now(mut self) -> Result<(), Error> {
        let emptied = match &self.guard {
            Some(Guard(session)) => empty(session, &self.name, &self.stays).await,
            None => Ok(()),
        };
        if let Some(Guard(session)) = self.guard.take() {
            session.close().await;
        }
        emptied
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(Guard(session)) = self.guard.take() {
            let (name, mark) = (self.name.clone(), self.mark.clone());
            let stays = std::mem::take(&mut self.stays);
            clear_up(self.counted.clone(), async move {
                end_marked(&session, &mark).await;
                let emptied = empty(&session, &name, &stays).await;
                session.close().await;
                emptied
            });
        }
    }
}

/// Ends the sessions of a comparison that was cancelled: the server may still be at its last statement.
async fn end_marked(client: &Client, mark: &str) {
    let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
               WHERE datname = current_database() AND usename = current_user AND application_name = $1";
    for _ in 0..100 {
        match client.query_typed(sql, &[(&mark, Type::TEXT)]).await {
            Ok(others) if !others.is_empty() => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => return,
        }
    }
}

/// Whether a lock is held in the database of a connection.
async fn is_here(live: &Client, key: i64) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database \
               WHERE l.locktype = 'advisory' AND d.datname = current_database() \
               AND (l.classid::int8 << 32) | l.objid::int8 = $1)";
    let row = live.query_typed_one(sql, &[(&key, Type::INT8)]).await;
    Ok(row.map_err(|source| Error::server("looking at the locks", source))?.get(0))
}

/// Whether nothing is in a database.
#[cfg(feature = "testing")]
pub(crate) async fn is_empty(client: &Client) -> Result<bool, Error> {
    let drops = drops(client).await;
    Ok(drops.map_err(|source| Error::server("looking at the database", source))?.is_empty())
}

/// Drops all that is in a database.
#[cfg(feature = "testing")]
pub(crate) async fn empty_all(client: &Client) -> Result<(), Error> {
    empty(client, "", &[]).await
}

async fn empty(client: &Client, database: &str, stays: &[String]) -> Result<(), Error> {
    let failed = |source| ScratchError::Server {
        doing: "emptying",
        database: database.to_owned(),
        source,
        next: "empty it by hand; the comparison itself was done",
    };
    let drops = drops(client).await.map_err(failed)?;
    for Dropping { sql, .. } in drops.iter().filter(|drop| !stays.contains(&drop.sql)) {
        client.batch_execute(sql).await.map_err(failed)?;
    }
    Ok(())
}
