//! Emptying a database, and the mark that permits it.

use super::context::Context;
use crate::backend::{LockWait, PgHistory};
use crate::connection::endpoint::Endpoint;
use crate::connection::protect::{self, SessionTimeouts};
use crate::connection::session::Session;
use crate::error::Error;
use crate::schema::scratch::drops;
use crate::sql::quote::quote_ident;
use migrate_core::engine::{History as _, Locking};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// The setting that marks a database as a development database.
///
/// It is stored in `pg_db_role_setting`. It survives dropping everything in the database, and neither a dump
/// of the contents nor `CREATE DATABASE … TEMPLATE` copies it, so a copy of the database is not marked.
const MARK: &str = "migrate.development";

/// Facts about a database before it is emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResetScope {
    /// Its name.
    pub(super) database: String,
    /// True if it is marked as a development database.
    pub(super) is_development: bool,
    /// Its subscriptions, whose slots would remain on other servers.
    pub(super) subscriptions: Vec<String>,
}

const LOOK: &str = "\
    SELECT d.datname::text, EXISTS ( \
        SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS setting \
        WHERE s.setdatabase = d.oid AND s.setrole = 0 AND setting = $1 || '=on'), \
      coalesce((SELECT pg_catalog.array_agg(subname::text ORDER BY subname) FROM pg_catalog.pg_subscription WHERE subdbid = d.oid), '{}') \
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

/// Reads the facts about a connection's database.
pub(super) async fn probe(client: &Client) -> Result<ResetScope, Error> {
    let failed = |source| Error::server("reading the database", source);
    let timeouts = SessionTimeouts::of(client).await.map_err(failed)?;
    let row = timeouts.ask(client, LOOK, &[(&MARK, Type::TEXT)]).await.map_err(failed)?;
    let row = &row[0];
    Ok(ResetScope { database: row.get(0), is_development: row.get(1), subscriptions: row.get(2) })
}

/// Marks a database as a development database, or removes the mark.
pub(super) async fn mark(client: &Client, database: &str, is_development: bool) -> Result<(), Error> {
    let database = quote_ident(database);
    let change = if is_development { format!("SET {MARK} = 'on'") } else { format!("RESET {MARK}") };
    let sql = format!("ALTER DATABASE {database} {change}");
    let marked = protect::ask(client, &sql).await;
    marked.map(drop).map_err(|source| Error::server("marking the database", source))
}

/// Drops everything in a database under the set's migration lock; waits for a run in progress like another
/// run would.
pub(super) async fn empty_under_lock(
    context: &Context,
    target: &Endpoint,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    make_public(session).await?;
    let (set, settings) = (context.migrator.set(), &context.migrator.settings);
    let mut history = PgHistory::open(target, settings).await?;
    let idle_limit = protect::idle_limit(session).await;
    let mut wait = LockWait::new(settings);
    let emptied = loop {
        let pause = match history.try_lock(set).await? {
            Locking::Acquired(locked) => {
                let emptied = empty(session).await;
                // A lease was dropped with its schema.
                drop(locked.release().await);
                break emptied;
            }
            Locking::Held(holder) => {
                context.ui.wait_for_lock(&holder);
                wait.held(holder)
            }
            Locking::Crowded(error) => wait.crowded(error),
        };
        let pause = match pause {
            Ok(pause) => pause,
            Err(error) => break Err(error),
        };
        if idle_limit.is_some() {
            // Most pauses are too short to contain a keep-alive, so it comes after each.
            drop(session.check_connection().await);
        }
        protect::alive_until(session, idle_limit, history.pause(pause)).await;
    };
    history.close().await;
    emptied
}

/// Creates the schema `public` if it is missing: without any schema there is no place for the lock and the
/// history.
async fn make_public(session: &Session<'_>) -> Result<(), Error> {
    let failed = |source| Error::server("creating the schema public", source);
    let drops = drops(session).await.map_err(failed)?;
    match drops.iter().find(|drop| drop.sql.starts_with("CREATE SCHEMA public")) {
        Some(create) => protect::ask(session, &create.sql).await.map(drop).map_err(failed),
        None => Ok(()),
    }
}

/// Drops everything in a database in one transaction.
async fn empty(session: &mut Session<'_>) -> Result<(), Error> {
    let failed = |source| Error::server("dropping all that is in the database (it is rolled back)", source);
    session.mark("ROLLBACK");
    let begin = format!("BEGIN; {}; SET LOCAL lock_timeout = '10s'", protect::no_timeouts());
    session.batch_execute(&begin).await.map_err(failed)?;
    let drops = drops(session).await.map_err(failed)?;
    let statements: Vec<&str> = drops.iter().map(|drop| drop.sql.as_str()).collect();
    let script = format!("SET LOCAL client_min_messages = warning; {}; COMMIT", statements.join("; "));
    session.batch_execute(&script).await.map_err(failed)?;
    session.unmark();
    Ok(())
}
