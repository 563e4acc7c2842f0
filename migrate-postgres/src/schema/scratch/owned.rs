//! A temporary scratch database, created for one comparison.
//!
//! A killed process can't drop its database. So the name contains the number of an advisory lock, which a
//! separate session of the owner holds from before the creation until just before the drop. A process that
//! creates a scratch database first drops those whose lock is free and that have no sessions.

use super::guard::Guard;
use super::{Counted, clear_up};
use crate::connection::endpoint::Endpoint;
use crate::connection::protect::{self, SessionTimeouts};
use crate::connection::target::connect;
use crate::error::Error;
use crate::error::ScratchError;
use crate::history::run_id;
use crate::sql::answers::text;
use crate::sql::quote::{quote_ident, quote_literal};
use migrate_core::advice::{Advice, NextStep, Setting};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// A database with a random name, dropped with the value.
pub(super) struct OwnedScratch {
    /// The configuration of a database on the same server.
    admin: Endpoint,
    name: String,
    /// The session that holds the lock.
    guard: Option<Guard>,
    is_dropped: bool,
    /// Registers the database with callers that wait until none is left.
    counted: Counted,
}

impl std::fmt::Debug for OwnedScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The number of digits at the end of a name, which are also the lock's key. This many give a positive key.
const DIGITS: usize = 15;

/// Abandoned scratch databases: owned by our role, with a free lock and without a session.
const ABANDONED: &str = "\
    SELECT d.datname::text FROM pg_catalog.pg_database d WHERE d.datname ~ '^migrate_scratch_[0-9a-f]{15}$' \
    AND pg_catalog.pg_has_role(d.datdba, 'USAGE') \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 \
      AND (l.classid::int8 << 32) | l.objid::int8 = ('x0' || right(d.datname, 15))::bit(64)::int8)";

/// The properties that a new database and its sessions need so that definitions print the same: its locale,
/// as JSON, because the columns depend on the server's version, and the statements that copy this database's
/// settings (`ALTER DATABASE … SET search_path`), to be run from a session in this database. Parameter: the
/// new name.
const LIKE: &str = "\
    SELECT pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text, \
      coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'), coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), \
      current_user::text, (SELECT array_agg(pg_catalog.format('ALTER %s SET %I FROM CURRENT', CASE source \
        WHEN 'database' THEN pg_catalog.format('DATABASE %I', $1::text) \
        ELSE pg_catalog.format('ROLE %I IN DATABASE %I', session_user, $1::text) END, name) ORDER BY name) \
        FROM pg_catalog.pg_settings WHERE source IN ('database', 'database user') AND name <> 'idle_session_timeout' \
        AND name <> ALL ('{statement_timeout,lock_timeout,idle_in_transaction_session_timeout,transaction_timeout}')) \
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

impl OwnedScratch {
    /// Creates it, and returns its configuration.
    pub(super) async fn create(admin: Endpoint, live: &Client) -> Result<(OwnedScratch, Endpoint), Error> {
        let name = format!("migrate_scratch_{}", &run_id()[..DIGITS]);
        let failed = |source| Error::server("reading the database", source);
        let timeouts = SessionTimeouts::of(live).await.map_err(failed)?;
        let like = timeouts.ask(live, LIKE, &[(&name, Type::TEXT)]).await.map_err(failed)?;
        let like = like.first().expect("a session is in a database");
        let mut config = admin.clone();
        config.dbname(&name);
        let (role, sql) = (like.get::<_, String>(5), creation(&name, like));
        let settings = like.get::<_, Option<Vec<String>>>(6).unwrap_or_default();
        // A separate task, which outlives a canceled call: the server continues with CREATE DATABASE anyway,
        // and a concurrent DROP would find nothing. When the task is done, its value is dropped, and with it
        // the database.
        let made = OwnedScratch { admin, name, guard: None, is_dropped: true, counted: Counted::new() };
        let creating = tokio::spawn(async move { made.make(&role, &sql, &settings).await });
        let made = creating.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        Ok((made, config))
    }

    async fn make(mut self, role: &str, sql: &str, settings: &[String]) -> Result<OwnedScratch, Error> {
        let session = connect(&self.admin).await?;
        sweep(&session).await;
        let key = i64::from_str_radix(&self.name[self.name.len() - DIGITS..], 16).unwrap_or_default();
        let (guard, _) = Guard::take(&self.admin, [key]).await?;
        self.guard = Some(guard);
        self.is_dropped = false;
        let made = protect::alone(&session, sql).await;
        for set in settings.iter().filter(|_| made.is_ok()) {
            // An error is a setting that this role may not make: it affects other roles' connections, if any.
            drop(session.batch_execute(&format!("{}; {set}", protect::no_timeouts())).await);
        }
        session.close().await;
        match made {
            Ok(()) => Ok(self),
            Err(source) => {
                // If the connection was lost, the database may have been created.
                self.is_dropped = source.as_db_error().is_some();
                Err(refusal(role, self.name.clone(), source).into())
            }
        }
    }

    /// Drops it and ends its connections.
    pub(super) async fn drop_now(mut self) -> Result<(), Error> {
        // Not earlier: if the call is canceled, dropping the value drops the database.
        let dropped = drop_database(self.guard.take(), &self.admin, &self.name).await;
        self.is_dropped = true;
        dropped
    }
}

impl Drop for OwnedScratch {
    fn drop(&mut self) {
        if !self.is_dropped {
            let (admin, name, guard) = (self.admin.clone(), self.name.clone(), self.guard.take());
            clear_up(self.counted.clone(), async move { drop_database(guard, &admin, &name).await });
        }
    }
}

/// Drops scratch databases of killed processes. A failure is no reason not to create a new one.
async fn sweep(client: &Client) {
    let Ok(abandoned) = protect::ask(client, ABANDONED).await else { return };
    for name in abandoned.iter().filter_map(|row| text(row, 0)) {
        // Without FORCE: if a session has connected to it in the meantime, it stays.
        let drop_it = format!("DROP DATABASE IF EXISTS {}", quote_ident(name));
        drop(protect::alone(client, &drop_it).await);
    }
}

fn creation(name: &str, like: &Row) -> String {
    let locale = match (like.get(3), like.get::<_, Option<&str>>(4)) {
        ("i", Some(locale)) => format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", quote_literal(locale)),
        ("b", Some(locale)) => format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", quote_literal(locale)),
        _ => String::new(),
    };
    format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}{locale}",
        quote_ident(name),
        quote_literal(like.get(0)),
        quote_literal(like.get(1)),
        quote_literal(like.get(2)),
    )
}

/// Drops a database. A session that is just connecting while the others are ended is an obstacle for a
/// moment.
async fn drop_database(guard: Option<Guard>, admin: &Endpoint, name: &str) -> Result<(), Error> {
    let released = match guard {
        Some(guard) => guard.release().await,
        None => None,
    };
    let session = match released {
        Some(session) => session,
        None => connect(admin).await?,
    };
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_ident(name));
    let mut tries = 0;
    let dropped = loop {
        match protect::alone(&session, &sql).await {
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            outcome => break outcome,
        }
    };
    session.close().await;
    let failed = |source| ScratchError::Server {
        doing: "dropping",
        database: name.to_owned(),
        source,
        advice: Advice::fix("drop it by hand; the comparison itself was done"),
    };
    dropped.map_err(|source| failed(source).into())
}

fn refusal(role: &str, database: String, source: tokio_postgres::Error) -> ScratchError {
    let message = source.as_db_error().map(|db| db.message().to_owned());
    match (source.code(), message) {
        (Some(&SqlState::INSUFFICIENT_PRIVILEGE), Some(message)) => {
            ScratchError::NotAllowed { role: crate::sql::quote::quote_if_needed(role), message }
        }
        _ => ScratchError::Server {
            doing: "creating",
            database,
            source,
            advice: Advice::of(NextStep::set(Setting::Scratch, "give the URL of an empty database")),
        },
    }
}
