//! Statements that begin a transaction and settle its constraints, and timeouts as the server takes them.

use std::time::Duration;

/// Begins a transaction that the role's defaults do not change.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Lets deferred triggers and constraints happen. At the COMMIT, what a script has set for the session is undone already:
/// they would meet another search path, and run as another role. So they come before a verify script, too.
pub(crate) const DEFERRED: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// A timeout as PostgreSQL takes it: whole milliseconds, and never 0 (no timeout) for a short one.
pub(crate) fn milliseconds(timeout: Duration) -> u128 {
    if timeout.is_zero() { 0 } else { timeout.as_millis().clamp(1, i32::MAX as u128) }
}

/// A SQL condition: true if a connection is in no transaction yet. It is sent in a simple query, because a
/// transaction that begins with the query has the query's time.
///
/// A `Client` that the caller passes may be in a transaction of its owner, which our COMMIT would commit.
pub(crate) const IS_FREE: &str = "pg_catalog.now() = pg_catalog.statement_timestamp()";
