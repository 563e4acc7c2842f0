//! Protection of our own queries from the settings of the session: no timeout of the role, the database or
//! the session ends them, and their output does not depend on those settings.
//!
//! The settings last for the transaction of the message that contains them, so a transaction pooler gets its
//! connection back unchanged, and they cost no round trip. In a transaction of the owner of a borrowed
//! `Client` nothing is set.

use crate::sql::answers::{Answers, parsed};
use crate::sql::quote::quote_literal;
use crate::sql::transaction::IS_FREE;
use futures_util::future::{Either, join3, select};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, SimpleQueryRow};

/// The timeouts that end statements, transactions and idle transactions, as an SQL array.
/// (`transaction_timeout` was added in PostgreSQL 17.)
pub(crate) const TIMEOUTS: &str =
    "'{statement_timeout,lock_timeout,idle_in_transaction_session_timeout,transaction_timeout}'::text[]";

/// The settings that the text of a value depends on.
const PRINTING: [(&str, &str); 5] = [
    ("bytea_output", "hex"),
    ("datestyle", "ISO, YMD"),
    ("extra_float_digits", "1"),
    ("intervalstyle", "postgres"),
    ("quote_all_identifiers", "off"),
];

/// Turns off the timeouts that are on, as the first query of a transaction. [`timeout`] returns their earlier
/// values.
///
/// The server rearms `statement_timeout` for each statement of a message, so the setting applies to the
/// statements after this one.
pub(crate) fn no_timeouts() -> String {
    format!(
        "SELECT pg_catalog.set_config('migrate.' || t, pg_catalog.current_setting(t, true), true), \
         pg_catalog.set_config(t, '0', true) FROM pg_catalog.unnest({TIMEOUTS}) t \
         WHERE {IS_FREE} AND pg_catalog.current_setting(t, true) <> '0'"
    )
}

/// The value of a session's timeout before [`no_timeouts`]. `name` is an SQL expression.
pub(crate) fn timeout(name: &str) -> String {
    format!(
        "coalesce(nullif(pg_catalog.current_setting('migrate.' || {name}, true), ''), pg_catalog.current_setting({name}, true))"
    )
}

/// Converts the text of a timeout to milliseconds: the server shows units, which an interval may have too.
pub(crate) fn in_milliseconds(text: &str) -> String {
    format!("(extract(epoch FROM ({text})::interval) * 1000)::float8")
}

/// Turns off the timeouts, and makes the text of values independent of the session, as the first queries of a
/// transaction.
fn settings() -> String {
    format!("{}; SELECT {} WHERE {IS_FREE}", no_timeouts(), printing())
}

/// Calls that make the text of values independent of the session, until the end of the transaction.
pub(crate) fn printing() -> String {
    let printing = PRINTING.map(|(name, value)| {
        format!("pg_catalog.set_config({}, {}, true)", quote_literal(name), quote_literal(value))
    });
    printing.join(", ")
}

/// The number of answers to [`settings`].
const SETTINGS_ANSWERS: usize = 2;

/// Returns the rows of one query. It shares its message, which is one transaction, with the settings.
pub(crate) async fn ask(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    let mut answers = Answers::of(client.simple_query(&format!("{}; {sql}", settings())).await?);
    Ok(answers.after(SETTINGS_ANSWERS))
}

/// The timeouts of a session that could end our queries: with them, each query runs in a transaction that
/// turns them off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimeouts {
    /// True if a timeout is on, and the session is not in a transaction of its owner.
    pub(crate) are_on: bool,
}

impl SessionTimeouts {
    /// True if they are on, as an SQL expression.
    pub(crate) fn are_on() -> String {
        format!(
            "{IS_FREE} AND EXISTS (SELECT FROM pg_catalog.unnest({TIMEOUTS}) t WHERE {} <> '0')",
            timeout("t")
        )
    }

    /// Reads the timeouts of a session of which nothing else has to be known.
    #[cfg(any(feature = "catalog", feature = "histories"))]
    pub(crate) async fn of(client: &Client) -> Result<SessionTimeouts, Error> {
        let rows = ask(client, &format!("SELECT {}", SessionTimeouts::are_on())).await?;
        Ok(SessionTimeouts { are_on: rows.first().is_some_and(|row| crate::sql::answers::is_true(row, 0)) })
    }

    /// Runs a query with typed parameters and rows. If the session has timeouts, the query runs in a
    /// transaction of its own without them: three messages in one flush.
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

/// Runs statements that can't run in a transaction, in a session of ours. The statements that turn the
/// timeouts off and restore them are separate messages in the same flush, so that a transaction pooler keeps
/// them together.
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

/// The `idle_session_timeout` of a session in milliseconds, as an SQL expression. Servers other than
/// PostgreSQL may lack it.
pub(crate) fn idle_timeout() -> String {
    in_milliseconds("coalesce(pg_catalog.current_setting('idle_session_timeout', true), '0')")
}

/// Returns the time after which the server ends an idle session; none if it does not.
pub(crate) async fn idle_limit(client: &Client) -> Option<Duration> {
    let rows = ask(client, &format!("SELECT {}", idle_timeout())).await.ok()?;
    idle_limit_of(parsed(rows.first()?, 0))
}

/// Converts a number of milliseconds to an idle limit.
pub(crate) fn idle_limit_of(milliseconds: Option<f64>) -> Option<Duration> {
    let limit = Duration::try_from_secs_f64(milliseconds? / 1000.0).ok()?;
    (!limit.is_zero()).then_some(limit)
}

/// Waits for a future while a session is idle that the server would end after `limit`: an empty query
/// restarts its idle time.
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
