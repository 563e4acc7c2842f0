//! Errors by which the server says that a timeout has ended something.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// True if an error says that a timeout of the session has ended a query of ours. The server has one code for
/// its `statement_timeout` and for a cancel by a person; only the words differ.
pub(crate) fn is_of_a_timeout(error: &Error) -> bool {
    let codes = [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE];
    error.code().is_some_and(|code| codes.contains(code)) || has_ended_the_session(error)
}

/// True if an error says that a timeout has ended the session: that of a transaction, of an idle one, or of
/// an idle session.
pub(crate) fn has_ended_the_session(error: &Error) -> bool {
    error.code().is_some_and(|code| ["25P03", "25P04", "57P05"].contains(&code.code()))
}
