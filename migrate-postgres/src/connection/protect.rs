//! Our own reading and bookkeeping under our own settings: no timeout of the role's, the database's or the session's ends it, and
//! nothing that it prints depends on what they set.
//!
//! The settings last for the transaction of the message that they stand in, so a transaction pooler gets its connection back
//! as it was, and they cost no round trip. In a transaction of the owner of a borrowed `Client` nothing is set.

use crate::sql::answers::{Answers, parsed};
use crate::sql::quote::quote_literal;
use crate::sql::transaction::IS_FREE;
use futures_util::future::{Either, join3, select};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, SimpleQueryRow};

/// The timeouts that end statements, transactions and idle transactions, as an array of SQL. (`transaction_timeout` came with 17.)
pub(crate) const TIMEOUTS: &str =
    "'{statement_timeout,lock_timeout,idle_in_transaction_session_timeout,transaction_timeout}'::text[]";

/// What the text of a value depends on.
const PRINTING: [(&str, &str); 5] = [
    ("bytea_output", "hex"),
    ("datestyle", "ISO, YMD"),
    ("extra_float_digits", "1"),
    ("intervalstyle", "postgres"),
    ("quote_all_identifiers", "off"),
];

/// Turns the timeouts off that are on, as the first query of a transaction. [`timeout`] tells what they were.
///
/// The server arms `statement_timeout` for each statement of a message anew, so it holds for those behind this one.
pub(crate) fn no_timeouts() -> String {
    format!(
        "SELECT pg_catalog.set_config('migrate.' || t, pg_catalog.current_setting(t, true), true), \
         pg_catalog.set_config(t, '0', true) FROM pg_catalog.unnest({TIMEOUTS}) t \
         WHERE {IS_FREE} AND pg_catalog.current_setting(t, true) <> '0'"
    )
}

/// What a timeout of the session was before [`no_timeouts`], whose name is an expression of SQL.
pub(crate) fn timeout(name: &str) -> String {
    format!(
        "coalesce(nullif(pg_catalog.current_setting('migrate.' || {name}, true), ''), pg_catalog.current_setting({name}, true))"
    )
}

/// A timeout as milliseconds, from its text: the server shows units, which an interval may have too.
pub(crate) fn in_milliseconds(text: &str) -> String {
    format!("(extract(epoch FROM ({text})::interval) * 1000)::float8")
}

/// Turns the timeouts off, and has values printed alike, as the first queries of a transaction.
fn settings() -> String {
    let printing = PRINTING.map(|(name, value)| {
        format!("pg_catalog.set_config({}, {}, true)", quote_literal(name), quote_literal(value))
    });
    format!("{}; SELECT {} WHERE {IS_FREE}", no_timeouts(), printing.join(", "))
}

/// How many answers [`settings`] have.
const SETTINGS_ANSWERS: usize = 2;

/// The rows of one query. It shares its message, which is one transaction, with the settings.
pub(crate) async fn ask(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    let mut answers = Answers::of(client.simple_query(&format!("{}; {sql}", settings())).await?);
    Ok(answers.after(SETTINGS_ANSWERS))
}

/// Whether a session has timeouts that end queries of ours: then each is asked without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimeouts {
    /// Whether any is on, and the session is in no transaction of its owner's.
    pub(crate) are_on: bool,
}

impl SessionTimeouts {
    /// Whether they are on, as an expression of SQL.
    pub(crate) fn are_on() -> String {
        format!(
            "{IS_FREE} AND EXISTS (SELECT FROM pg_catalog.unnest({TIMEOUTS}) t WHERE {} <> '0')",
            timeout("t")
        )
    }

    /// Those of a session of which nothing else has to be known.
    #[cfg(any(feature = "catalog", feature = "histories"))]
    pub(crate) async fn of(client: &Client) -> Result<SessionTimeouts, Error> {
        let rows = ask(client, &format!("SELECT {}", SessionTimeouts::are_on())).await?;
        Ok(SessionTimeouts { are_on: rows.first().is_some_and(|row| crate::sql::answers::is_true(row, 0)) })
    }

    /// A query whose parameters and rows have types. Where there are timeouts, it is in a transaction of its own without them:
    /// three messages in one flush.
    pub(crate) async fn ask(
        self,
        client: &Client,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        if !self.are_on {
            return client.query_typed(sql, parameters).await;
        }
        let begin = format!("BEGIN; {}", no_timeouts());
        let (begun, rows, ended) = join3(
            client.batch_execute(&begin),
            client.query_typed(sql, parameters),
            client.batch_execute("COMMIT"),
        )
        .await;
        begun?;
        let rows = rows?;
        ended?;
        Ok(rows)
    }
}

/// Runs statements that a transaction would refuse, in a session of ours: what turns the timeouts off, and what restores them, are
/// messages of their own in the same flush, so that a transaction pooler keeps them together.
#[cfg(feature = "catalog")]
pub(crate) async fn alone(client: &Client, sql: &str) -> Result<(), Error> {
    let set = |value: &str| {
        format!(
            "SELECT pg_catalog.set_config(name, {value}, false) FROM pg_catalog.pg_settings WHERE name = ANY ({TIMEOUTS})"
        )
    };
    let (off, restore) = (set("'0'"), set("reset_val"));
    let (set, done, restored) =
        join3(client.batch_execute(&off), client.batch_execute(sql), client.batch_execute(&restore)).await;
    done?;
    set?;
    restored
}

/// The `idle_session_timeout` of a session in milliseconds, as an expression of SQL. Servers that are not PostgreSQL may lack it.
pub(crate) fn idle_timeout() -> String {
    in_milliseconds("coalesce(pg_catalog.current_setting('idle_session_timeout', true), '0')")
}

/// After how long the server ends a session that idles; none where it does not.
pub(crate) async fn idle_limit(client: &Client) -> Option<Duration> {
    let rows = ask(client, &format!("SELECT {}", idle_timeout())).await.ok()?;
    idle_limit_of(parsed(rows.first()?, 0))
}

/// The same of a number of milliseconds.
pub(crate) fn idle_limit_of(milliseconds: Option<f64>) -> Option<Duration> {
    let limit = Duration::try_from_secs_f64(milliseconds? / 1000.0).ok()?;
    (!limit.is_zero()).then_some(limit)
}

/// Waits for a future while a session idles that the server would end after `limit`: an empty query begins its time anew.
pub(crate) async fn alive_until<T>(
    client: &Client,
    limit: Option<Duration>,
    future: impl Future<Output = T>,
) -> T {
    let Some(limit) = limit else { return future.await };
    let keep_alive = async {
        loop {
            tokio::time::sleep(limit / 4).await;
            if client.check_connection().await.is_err() {
                return std::future::pending::<()>().await;
            }
        }
    };
    match select(std::pin::pin!(future), std::pin::pin!(keep_alive)).await {
        Either::Left((done, _)) => done,
        Either::Right(((), future)) => future.await,
    }
}
