//! What a simple-query message with several statements was answered.

use std::str::FromStr;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// The rows of each statement of a message, all values as text.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    statements: std::collections::VecDeque<Vec<SimpleQueryRow>>,
}

impl Answers {
    pub(crate) fn of(messages: Vec<SimpleQueryMessage>) -> Answers {
        let mut answers = Answers::default();
        let mut rows = Vec::new();
        for message in messages {
            match message {
                SimpleQueryMessage::Row(row) => rows.push(row),
                SimpleQueryMessage::CommandComplete(_) => {
                    answers.statements.push_back(std::mem::take(&mut rows));
                }
                _ => {}
            }
        }
        answers
    }

    /// The rows of the next statement.
    pub(crate) fn next(&mut self) -> Vec<SimpleQueryRow> {
        self.statements.pop_front().unwrap_or_default()
    }

    /// The rows of the last statement.
    #[cfg(feature = "operate")]
    pub(crate) fn last(&mut self) -> Vec<SimpleQueryRow> {
        self.statements.pop_back().unwrap_or_default()
    }
}

/// A row's value, if it is not null.
pub(crate) fn text(row: &SimpleQueryRow, column: usize) -> Option<&str> {
    row.try_get(column).ok().flatten()
}

/// Whether a row's value is true.
pub(crate) fn is_true(row: &SimpleQueryRow, column: usize) -> bool {
    matches!(text(row, column), Some("t" | "true"))
}

/// A row's value as what it is the text of.
pub(crate) fn parsed<V: FromStr>(row: &SimpleQueryRow, column: usize) -> Option<V> {
    text(row, column)?.parse().ok()
}
