//! From the server's error to a failure that names file, line and column.

use super::history_error::is_of_the_text;
use crate::error::secrets::{clean, secrets};
use crate::error::wording;
use migrate_core::engine::error::{Failure, Place};
use migrate_core::plan::Step;
use migrate_core::{Script, sql};
use tokio_postgres::error::{DbError, ErrorPosition};

/// Returns the failure of a step in the server's words; `offset` is the byte of the script, if it is known.
pub(crate) fn server_failure(
    step: &Step<'_>,
    script: Option<&Script>,
    offset: Option<usize>,
    error: tokio_postgres::Error,
) -> Failure {
    let offset = script.and_then(|script| strange_character(script, &error)).or(offset);
    let place = script.zip(offset).map(|(script, offset)| place(script, offset));
    let Some(db) = error.as_db_error() else {
        let mut failure =
            Failure::new(step.version.clone(), step.name.clone(), step.action, crate::error::cause(&error));
        failure.place = place;
        failure.source = Some(Box::new(error));
        return failure;
    };
    let secrets = script.map(secrets_of).unwrap_or_default();
    // A context quotes no row; a line of `COPY` it does.
    let clean_context = |text: &str| clean(&sql::redact_detail("", text), &secrets);
    let mut failure = Failure::new(step.version.clone(), step.name.clone(), step.action, "");
    failure.place = place;
    add_server_error(&mut failure, db, &secrets);
    // The server's error itself may hold the secret; then it is left out.
    let shows_secret =
        said(db).any(|text| clean_context(text) != text) || failure.detail.as_deref() != db.detail();
    failure.source = (!shows_secret).then(|| Box::new(error) as _);
    failure
}

/// Adds what the server said to a failure.
pub(super) fn add_server_error(failure: &mut Failure, db: &DbError, secrets: &[String]) {
    let code = db.code().code();
    let clean = |text: &str| clean(text, secrets);
    failure.message = clean(db.message());
    failure.code = Some(code.to_owned());
    failure.cause = wording::cause(db);
    failure.missing_right = wording::missing_right(code, &failure.message);
    let owned = |name: Option<&str>| name.map(str::to_owned);
    failure.names.schema = owned(db.schema());
    failure.names.table = owned(db.table());
    failure.names.column = owned(db.column());
    failure.names.data_type = owned(db.datatype());
    failure.names.constraint = owned(db.constraint());
    failure.detail = db.detail().map(|text| clean(&sql::redact_detail(code, text)));
    failure.hint = db.hint().map(clean);
    failure.context = db.where_().map(|text| clean(&sql::redact_detail("", text)));
}

/// The byte of the script where the character is that the database's encoding does not have. The server gives its bytes, and
/// no place: it refuses the message before it reads it.
fn strange_character(script: &Script, error: &tokio_postgres::Error) -> Option<usize> {
    let db = error.as_db_error()?;
    let hex = db.message().split("0x").skip(1).filter(|_| is_of_the_text(error));
    let bytes: Option<Vec<u8>> = hex.map(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok()).collect();
    let character = String::from_utf8(bytes?).ok().filter(|character| !character.is_empty())?;
    script.text().find(&character)
}

/// All that the server said that may quote a statement.
fn said(db: &DbError) -> impl Iterator<Item = &str> {
    let internal = match db.position() {
        Some(ErrorPosition::Internal { query, .. }) => Some(query.as_str()),
        _ => None,
    };
    [Some(db.message()), db.detail(), db.hint(), db.where_(), internal].into_iter().flatten()
}

/// The server's 1-based position in characters of the text that was sent.
pub(crate) fn position(error: &tokio_postgres::Error) -> Option<u32> {
    match error.as_db_error()?.position()? {
        ErrorPosition::Original(position) => Some(*position),
        // In a query that the server made itself, a function's body say: no place in what was sent.
        ErrorPosition::Internal { .. } => None,
    }
}

/// The byte of a script that an error is about, if the server tells it; the script was sent behind a prefix, as this text.
pub(crate) fn offset_of(
    script: &Script,
    text: &str,
    prefix: &str,
    error: &tokio_postgres::Error,
) -> Option<usize> {
    let position = (position(error)? as usize).checked_sub(prefix.chars().count())?;
    Some(script.text().len() - text.len() + sql::char_to_byte(text, position))
}

/// The statement that a byte is in, or the next one, or the last.
fn statement_at(script: &Script, offset: usize) -> Option<usize> {
    let statements = script.statements();
    let index = statements.partition_point(|statement| statement.range().end < offset);
    if statements.is_empty() { None } else { Some(index.min(statements.len() - 1)) }
}

/// A place in a script, with the line that it is on.
pub(super) fn place(script: &Script, offset: usize) -> Place {
    let text = script.text();
    // A statement that ends too early is reported at the semicolon that was sent after it.
    let end = script.statements().last().map_or(text.len(), |statement| statement.range().end);
    let offset = offset.min(end);
    let at = script.line_column(offset);
    let place = Place::new(script.path(), at.line, at.column);
    let Some(index) = statement_at(script, offset) else { return place };
    let statement = script.statements().at(index);
    let place = |excerpt: &str| place.clone().in_statement(index + 1, script.statements().len(), excerpt);
    let statement_text = statement.text(text);
    let shown = sql::redact(statement_text);
    if shown == statement_text {
        return place(script.line_at(offset));
    }
    // Without its secrets the statement has other columns, and perhaps fewer lines.
    let before = sql::redact(&statement_text[..offset.saturating_sub(statement.range().start)]);
    let lines_before = before.matches('\n').count();
    let mark = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    place(shown.lines().nth(lines_before).unwrap_or_default())
        .marked_at(u32::try_from(mark).unwrap_or(u32::MAX))
}

/// The constants of a script that are kept out of messages.
fn secrets_of(script: &Script) -> Vec<String> {
    script.statements().iter().flat_map(|statement| secrets(statement.text(script.text()))).collect()
}
