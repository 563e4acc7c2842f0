//! Assertions: each file is one message in a read-only transaction that is rolled back.

use super::failure::offset_of;
use super::timeouts;
use super::truth::Truths;
use crate::assertion::AssertionOutcome;
use crate::connection::session::Session;
use crate::error::{Error, wording};
use crate::history::SessionInfo;
use crate::history::settings::RunSettings;
use crate::sql::answers;
use futures_util::StreamExt as _;
use migrate_core::advice::Cause;
use migrate_core::{Assertion, Options, Script};
use std::time::Duration;
use tokio_postgres::error::DbError;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// Each statement sees the same rows, and a standby allows it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The limit of an assertion's statement if neither its header nor the migrator sets one.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// The number of rows whose keys are kept.
const FIRST_ROWS: u64 = 5;

/// Checks one assertion.
///
/// # Errors
///
/// If the connection is lost. An error of the server is an outcome.
pub(crate) async fn check_assertion(
    session: &mut Session<'_>,
    session_info: &SessionInfo,
    settings: &RunSettings,
    assertion: &Assertion,
) -> Result<AssertionOutcome, Error> {
    let options = limited(assertion.script().options(), settings);
    let mut before = vec![BEGIN.to_owned()];
    before.extend(timeouts(session_info, settings, &options, true));
    before.extend(session_info.conform.map(|conform| conform.replacen("SET", "SET LOCAL", 1)));
    session.mark("ROLLBACK");
    let checked = check(session, assertion, &before, &options).await;
    if session.batch_execute("ROLLBACK").await.is_ok() {
        session.unmark();
    }
    checked
}

/// The options with a limit for each statement.
fn limited(options: &Options, settings: &RunSettings) -> Options {
    let mut options = options.clone();
    let own = Some(settings.statement_timeout).filter(|timeout| !timeout.is_zero());
    options.statement_timeout = options.statement_timeout.or(own).or(Some(DEFAULT_LIMIT));
    options
}

async fn check(
    session: &Session<'_>,
    assertion: &Assertion,
    before: &[String],
    options: &Options,
) -> Result<AssertionOutcome, Error> {
    let script = assertion.script();
    let text = script.text().trim_start_matches('\u{feff}');
    let prefix: String = before.iter().map(|statement| format!("{statement};\n")).collect();
    let message = format!("{prefix}{text}");
    let failed = |done: usize, error: tokio_postgres::Error| match error.as_db_error() {
        Some(db) if !db.code().code().starts_with("57P") => {
            let offset = offset_of(script, text, &prefix, &error);
            Ok(outcome_of(script, offset, done.saturating_sub(before.len()), db, options))
        }
        // The server has ended the session.
        _ => Err(Error::server("checking an assertion", error)),
    };
    let stream = match answers::send(session, &message).await {
        Ok(stream) => stream,
        Err(error) => return failed(0, error),
    };
    let mut stream = std::pin::pin!(stream);
    let (mut done, mut rows, mut broken) = (0, Rows::default(), None);
    let mut truths = Truths::default();
    // To the end even if it is false: what is left in the stream would be the answer to the next message.
    while let Some(message) = stream.next().await {
        match message {
            Err(error) => return failed(done, error),
            Ok(SimpleQueryMessage::Row(row)) => rows.take(&row, assertion.key()),
            Ok(SimpleQueryMessage::CommandComplete(_)) => {
                let rows = std::mem::take(&mut rows);
                if let Some(statement) = done.checked_sub(before.len()) {
                    truths.push_if(rows.is_true(), script, statement);
                    broken = broken.or_else(|| rows.outcome(assertion, statement));
                }
                done += 1;
            }
            Ok(_) => {}
        }
    }
    if let Some(broken) = broken {
        return Ok(broken);
    }
    let untrue = truths.first_of_other_type(session).await;
    let untrue = untrue.map_err(|error| Error::server("checking an assertion", error))?;
    Ok(untrue.map_or(AssertionOutcome::Passed, |statement| {
        let (line, column) = place(script, None, statement);
        let message = "returned a text and not a boolean; expected no row or a single true".to_owned();
        AssertionOutcome::Error { line, column, sqlstate: None, message }
    }))
}

/// The line and the column of a byte, or else of a statement.
fn place(script: &Script, offset: Option<usize>, statement: usize) -> (u32, u32) {
    let start = || script.statements().get(statement).map_or(0, |statement| statement.range().start);
    let at = script.line_column(offset.unwrap_or_else(start));
    (at.line, at.column)
}

/// The outcome of an error of the server.
fn outcome_of(
    script: &Script,
    offset: Option<usize>,
    statement: usize,
    db: &DbError,
    options: &Options,
) -> AssertionOutcome {
    let (line, column) = place(script, offset, statement);
    match options.statement_timeout {
        Some(limit) if wording::cause(db) == Some(Cause::StatementTimeout) => {
            AssertionOutcome::TimedOut { line, column, limit }
        }
        _ => AssertionOutcome::Error {
            line,
            column,
            sqlstate: Some(db.code().code().to_owned()),
            message: wording::without_values(db),
        },
    }
}

/// The rows that a statement returned.
#[derive(Default)]
struct Rows {
    count: u64,
    /// True if the first row is a single true.
    is_true: bool,
    columns: Vec<String>,
    /// The first column of the key that the rows lack.
    missing: Option<String>,
    keys: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// True if the rows are one true, or the text of one.
    fn is_true(&self) -> bool {
        self.count == 1 && self.is_true
    }

    fn take(&mut self, row: &SimpleQueryRow, key: &[String]) {
        self.count += 1;
        if self.count == 1 {
            self.is_true = row.len() == 1 && row.get(0) == Some("t");
            self.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            self.missing = key.iter().find(|name| !self.columns.contains(name)).cloned();
        }
        if self.count <= FIRST_ROWS && self.missing.is_none() && !key.is_empty() {
            self.keys.push(key.iter().map(|name| row.get(name.as_str()).map(str::to_owned)).collect());
        }
    }

    /// The outcome, unless the rows are those of a true assertion.
    fn outcome(self, assertion: &Assertion, statement: usize) -> Option<AssertionOutcome> {
        if self.count == 0 || self.is_true() {
            return None;
        }
        let (line, column) = place(assertion.script(), None, statement);
        if let Some(missing) = self.missing {
            let rows = if self.count == 1 { "1 row".to_owned() } else { format!("{} rows", self.count) };
            let message = format!(
                "returned {rows} without the column {missing}, which the header names as key; the columns are {}",
                self.columns.join(", ")
            );
            return Some(AssertionOutcome::Error { line, column, sqlstate: None, message });
        }
        let key = assertion.key().to_vec();
        Some(AssertionOutcome::Failed {
            line,
            column,
            rows: self.count,
            columns: self.columns,
            key,
            keys: self.keys,
        })
    }
}
