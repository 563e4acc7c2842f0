//! From the server's error to a failure that names file, line and column.

use migrate_core::error::{Failure, Place};
use migrate_core::plan::Step;
use migrate_core::{Script, sql};
use tokio_postgres::error::{DbError, ErrorPosition};

/// What went wrong in a step, in the server's words; `offset` is the byte of the script, where it is known.
pub(crate) fn server_failure(
    step: &Step<'_>,
    script: Option<&Script>,
    offset: Option<usize>,
    error: tokio_postgres::Error,
) -> Failure {
    let place = script.zip(offset).map(|(script, offset)| place(script, offset));
    let secrets = script.zip(offset).map(|(script, offset)| secrets(script, offset)).unwrap_or_default();
    let clean =
        |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"));
    let Some(db) = error.as_db_error() else {
        let mut failure =
            Failure::new(step.version.clone(), step.name.clone(), step.action, crate::error::cause(&error));
        failure.place = place;
        failure.source = Some(Box::new(error));
        return failure;
    };
    let mut failure = Failure::new(step.version.clone(), step.name.clone(), step.action, clean(db.message()));
    failure.place = place;
    failure.code = Some(db.code().code().to_owned());
    failure.detail = db.detail().map(clean);
    failure.hint = db.hint().map(clean);
    failure.context = db.where_().map(clean);
    // The server's error itself may hold the secret; then it is left out.
    let shows_secret =
        secrets.iter().any(|secret| error.to_string().contains(secret) || mentions(db, secret));
    failure.source = (!shows_secret).then(|| Box::new(error) as _);
    failure
}

fn mentions(db: &DbError, secret: &str) -> bool {
    [Some(db.message()), db.detail(), db.hint(), db.where_()]
        .into_iter()
        .flatten()
        .any(|text| text.contains(secret))
}

/// The server's 1-based position in characters of the text that was sent.
pub(super) fn position(error: &tokio_postgres::Error) -> Option<u32> {
    match error.as_db_error()?.position()? {
        ErrorPosition::Original(position) => Some(*position),
        // In a query that the server made itself, a function's body say: no place in what was sent.
        ErrorPosition::Internal { .. } => None,
    }
}

/// The statement that a byte is in, or the next one, or the last.
fn statement_at(script: &Script, offset: usize) -> Option<usize> {
    let statements = script.statements();
    let index = statements.partition_point(|statement| statement.range().end <= offset);
    if statements.is_empty() { None } else { Some(index.min(statements.len() - 1)) }
}

/// A place in a script, with the line that it is on.
pub(super) fn place(script: &Script, offset: usize) -> Place {
    let text = script.text();
    let at = sql::line_column(text, offset);
    let place = Place::new(script.path(), at.line, at.column);
    let Some(index) = statement_at(script, offset) else { return place };
    let statement = script.statements()[index];
    let redacted = sql::redact(statement.text(text));
    let line = if redacted == statement.text(text) {
        text.lines().nth(at.line as usize - 1)
    } else {
        redacted
            .lines()
            .nth(at.line.saturating_sub(statement.line()) as usize)
            .or_else(|| redacted.lines().next())
    };
    place.in_statement(index + 1, script.statements().len(), line.unwrap_or_default())
}

/// The string constants of a statement that are kept out of messages, without their quotes.
fn secrets(script: &Script, offset: usize) -> Vec<String> {
    let Some(index) = statement_at(script, offset) else { return Vec::new() };
    let statement = script.statements()[index].text(script.text());
    let redacted = sql::redact(statement);
    if redacted == statement {
        return Vec::new();
    }
    let constants = statement.split('\'').skip(1).step_by(2);
    constants.filter(|text| !text.is_empty() && !redacted.contains(*text)).map(str::to_owned).collect()
}
