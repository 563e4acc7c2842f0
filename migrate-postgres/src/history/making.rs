//! The creation of tables that several sessions may create at once.

use crate::connection::protect::no_timeouts;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The number of attempts to create a table that another session is creating: its schema, its type and its
/// index can each conflict.
const ATTEMPTS: usize = 4;

/// True if an error of the statements that create a table means that another session has created it, or its
/// schema, meanwhile.
pub(crate) fn is_made_meanwhile(error: &tokio_postgres::Error) -> bool {
    // The error depends on the progress of the other session.
    let made = [
        SqlState::DUPLICATE_SCHEMA,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::UNIQUE_VIOLATION,
    ];
    error.code().is_some_and(|code| made.contains(code))
}

/// Runs statements that create missing tables. `IF NOT EXISTS` is subject to a race: of two sessions that
/// create a table at once, one gets the error that it exists. On the next attempt the server sees it.
pub(crate) async fn make(client: &Client, statements: &str) -> Result<(), tokio_postgres::Error> {
    let statements = &format!("{}; {statements}", no_timeouts());
    let mut made = client.batch_execute(statements).await;
    for _ in 1..ATTEMPTS {
        if !made.as_ref().is_err_and(is_made_meanwhile) {
            break;
        }
        made = client.batch_execute(statements).await;
    }
    made
}
