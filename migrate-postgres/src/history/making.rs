//! Tables that several sessions may make at once.

use crate::connection::protect::no_timeouts;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// How often a table is made anew that somebody else was making: its schema, its type and its index can each be in the way.
const ATTEMPTS: usize = 4;

/// Whether an error of the statements that make a table says that somebody else has made it meanwhile, or its schema.
pub(crate) fn is_made_meanwhile(error: &tokio_postgres::Error) -> bool {
    // Which of them it is depends on how far the other one was.
    let made = [
        SqlState::DUPLICATE_SCHEMA,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::UNIQUE_VIOLATION,
    ];
    error.code().is_some_and(|code| made.contains(code))
}

/// Runs statements that make what is not there yet. `IF NOT EXISTS` races with itself: of two that make a table at once, one
/// is told that it exists. Asked again, the server sees it.
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
