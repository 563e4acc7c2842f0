//! The failures of a migration's code: what it returned, what it panicked with, and where.

use crate::code::{BoxError, CodeRecord, LastStatement, StatementError};
use crate::error::cause;
use crate::error::secrets::clean;
use crate::execute::failure::add_server_error;
use crate::execute::history_error::is_contention;
use migrate_core::advice::Left;
use migrate_core::engine::error::{Failure, Place};
use std::any::Any;
use std::error::Error;
use std::panic::Location;

/// The failure of code that returned an error; true if another session was in the way.
pub(super) fn code_failure(
    mut failure: Failure,
    path: &str,
    record: &CodeRecord,
    error: BoxError,
) -> (Failure, bool) {
    let last = record.statement();
    let secrets = record.secrets();
    failure.message = clean(&chain(&*error), &secrets);
    let statement = find::<StatementError>(&*error);
    failure.place = statement.map(|statement| place(path, statement.at()));
    let server =
        statement.and_then(StatementError::server).or_else(|| find::<tokio_postgres::Error>(&*error));
    let is_contended = server.is_some_and(is_contention);
    if let Some(db) = server.and_then(tokio_postgres::Error::as_db_error) {
        let message = std::mem::take(&mut failure.message);
        add_server_error(&mut failure, db, &secrets);
        failure.message = message;
    }
    if let Some(last) = last.filter(|last| statement.is_none_or(|statement| statement.at() == last.at)) {
        let shown = sent_last(path, record, &last);
        failure.context = Some(match failure.context.take() {
            Some(context) => format!("{shown}\n{context}"),
            None => shown,
        });
    }
    // It may hold a secret of a statement.
    failure.source = (secrets.is_empty()).then_some(error);
    (failure, is_contended)
}

/// The failure of code that panicked.
pub(super) fn panicked(mut failure: Failure, record: &CodeRecord, payload: &(dyn Any + Send)) -> Failure {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.map_or("with a value that is not a text".to_owned(), |text| record.clean(text));
    failure.message = format!("the code panicked: {text}");
    failure
}

/// The failure of code that ended its transaction, or tried to.
pub(super) fn transaction_ended(mut failure: Failure, path: &str, record: &CodeRecord) -> Failure {
    let tried = record.ended();
    failure.place = tried.map(|(_, at)| place(path, at));
    failure.message = match tried {
        Some((command, _)) => format!(
            "the code tried to end its transaction with {command}, which was not sent: the transaction holds the migration's row in \
             the history, too"
        ),
        None => {
            failure.left = Left::Code;
            "the code ended the transaction that the migration's row in the history belongs to".to_owned()
        }
    };
    failure
}

/// Adds the last statement that was sent to a failure whose own place is not known.
pub(super) fn placed(mut failure: Failure, path: &str, record: &CodeRecord) -> Failure {
    failure.context = record.statement().map(|last| sent_last(path, record, &last)).or(failure.context);
    failure
}

/// The place and the beginning of the last statement, without secrets.
fn sent_last(path: &str, record: &CodeRecord, last: &LastStatement) -> String {
    format!("the last statement was sent at {}: {}", at(path, last.at), record.clean(&last.shown()))
}

fn place(path: &str, at: &Location<'_>) -> Place {
    Place::new(file(path, at), at.line(), at.column())
}

fn at(path: &str, at: &Location<'_>) -> String {
    format!("{}:{}:{}", file(path, at), at.line(), at.column())
}

/// The file of a call: relative to the migration directory, if it is the migration's.
fn file(path: &str, at: &Location<'_>) -> String {
    let file = at.file().replace('\\', "/");
    let is_own = file.strip_suffix(path).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'));
    if is_own { path.to_owned() } else { file }
}

/// The first error of a type in a chain of causes.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The text of an error; of a server's error its message alone, because its code has a field of its own.
fn text(error: &(dyn Error + 'static)) -> String {
    let statement = error.downcast_ref::<StatementError>().and_then(StatementError::server);
    let server = statement.or_else(|| error.downcast_ref::<tokio_postgres::Error>());
    let message = server.and_then(tokio_postgres::Error::as_db_error).map(|db| db.message().to_owned());
    message.or_else(|| server.map(cause)).unwrap_or_else(|| error.to_string())
}

/// The texts of an error and its causes. Some repeat the text of their cause.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut all = text(error);
    let mut next = error.source().filter(|_| !is_whole(error));
    while let Some(error) = next {
        let text = text(error);
        if !all.contains(&text) {
            all = format!("{all}: {text}");
        }
        next = error.source().filter(|_| !is_whole(error));
    }
    all
}

/// True if the text of an error has those of its causes.
fn is_whole(error: &(dyn Error + 'static)) -> bool {
    error.is::<StatementError>() || error.is::<tokio_postgres::Error>()
}
