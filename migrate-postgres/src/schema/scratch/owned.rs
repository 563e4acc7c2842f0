//! A scratch database that is made for one comparison.
//!
//! A process that is killed can't drop it. So its name says which advisory lock its owner holds, in a session beside it, from
//! before it is made until it is to be dropped: whoever makes one first drops those whose lock is free and that nobody is
//! connected to.

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

/// A database of a random name, dropped with the value.
pub(super) struct OwnedScratch {
    /// How to connect to the database beside it.
    admin: Endpoint,
    name: String,
    /// The session that holds its lock.
    guard: Option<Guard>,
    is_dropped: bool,
    /// For whoever waits until nothing is left.
    counted: Counted,
}

impl std::fmt::Debug for OwnedScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The digits at the end of a name, which are also the number of its lock. So many are a positive number.
const DIGITS: usize = 15;

/// Scratch databases whose owner is gone: of our role, with a free lock, and without a session.
const ABANDONED: &str = "\
    SELECT d.datname::text FROM pg_catalog.pg_database d WHERE d.datname ~ '^migrate_scratch_[0-9a-f]{15}$' \
    AND pg_catalog.pg_has_role(d.datdba, 'USAGE') \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 \
      AND (l.classid::int8 << 32) | l.objid::int8 = ('x0' || right(d.datname, 15))::bit(64)::int8)";

/// What a new database and its sessions have to be like, for definitions to be alike: its locale, as JSON, since which columns there
/// are depends on the server's version, and statements that give it the settings of this one (`ALTER DATABASE … SET search_path`) from
/// a session in this one. Parameter: the new name.
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
    /// Makes it, and says how to connect to it.
    pub(super) async fn create(admin: Endpoint, live: &Client) -> Result<(OwnedScratch, Endpoint), Error> {
        let name = format!("migrate_scratch_{}", &run_id()[..DIGITS]);
        let failed = |source| Error::server("looking at the database", source);
        let timeouts = SessionTimeouts::of(live).await.map_err(failed)?;
        let like = timeouts.ask(live, LIKE, &[(&name, Type::TEXT)]).await.map_err(failed)?;
        let like = like.first().expect("a session is in a database");
        let mut config = admin.clone();
        config.dbname(&name);
        let (role, sql) = (like.get::<_, String>(5), creation(&name, like));
        let settings = like.get::<_, Option<Vec<String>>>(6).unwrap_or_default();
        // A task of its own, which a call that is cancelled leaves behind: the server goes on with CREATE DATABASE all the
        // same, and a DROP meanwhile would find nothing. When it is done, its value is dropped, and the database too.
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
            // What this role may not set the connections of others have, if anyone's.
            drop(session.batch_execute(&format!("{}; {set}", protect::no_timeouts())).await);
        }
        session.close().await;
        match made {
            Ok(()) => Ok(self),
            Err(source) => {
                // Where the connection was lost, it may have been made.
                self.is_dropped = source.as_db_error().is_some();
                Err(refusal(role, self.name.clone(), source).into())
            }
        }
    }

    /// Drops it, with all connections to it.
    pub(super) async fn drop_now(mut self) -> Result<(), Error> {
        // Not before: the drop of a call that was cancelled is the drop of the value.
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

/// Drops scratch databases that killed processes have left. None of it is a reason to make no new one.
async fn sweep(client: &Client) {
    let Ok(abandoned) = protect::ask(client, ABANDONED).await else { return };
    for name in abandoned.iter().filter_map(|row| text(row, 0)) {
        // Without FORCE: whoever has connected to it meanwhile keeps it.
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

/// Drops a database. A session that is on its way into it while the others are ended is in the way, for a moment.
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
