//! The answers to a simple-query message with several statements.

use futures_util::{Stream, TryStreamExt as _};
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};
use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

/// The answer to a message, which ends when the server is ready for the next one, also behind an error.
///
/// The client's own calls return an error as soon as it has come. A message that is sent then meets the server's word that it is
/// ready, and PgBouncer before 1.21 takes the server connection for idle although it works on that message: when its client is
/// lost, another one is given the connection, and the answer.
pub(crate) struct AnswerStream {
    stream: Pin<Box<SimpleQueryStream>>,
    error: Option<Error>,
}

/// Sends a message.
pub(crate) async fn send(client: &Client, message: &str) -> Result<AnswerStream, Error> {
    Ok(AnswerStream { stream: Box::pin(client.simple_query_raw(message).await?), error: None })
}

/// Sends a message, and waits for all of its answer.
pub(crate) async fn simple_query(client: &Client, message: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
    send(client, message).await?.try_collect().await
}

impl Stream for AnswerStream {
    type Item = Result<SimpleQueryMessage, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.stream.as_mut().poll_next(context)) {
                Some(Err(error)) if self.error.is_none() && error.as_db_error().is_some() => {
                    self.error = Some(error);
                }
                // The connection ends behind an error that is fatal.
                Some(Err(error)) => return Poll::Ready(Some(Err(self.error.take().unwrap_or(error)))),
                answer => return Poll::Ready(self.error.take().map(Err).or(answer)),
            }
        }
    }
}

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

    /// The rows of the statement behind the next so many.
    pub(crate) fn after(&mut self, statements: usize) -> Vec<SimpleQueryRow> {
        (0..statements).for_each(|_| drop(self.next()));
        self.next()
    }
}

/// A row's value, if it is not null.
pub(crate) fn text(row: &SimpleQueryRow, column: usize) -> Option<&str> {
    row.try_get(column).ok().flatten()
}

/// True if a row's value is true.
pub(crate) fn is_true(row: &SimpleQueryRow, column: usize) -> bool {
    matches!(text(row, column), Some("t" | "true"))
}

/// A row's value as what it is the text of.
pub(crate) fn parsed<V: FromStr>(row: &SimpleQueryRow, column: usize) -> Option<V> {
    text(row, column)?.parse().ok()
}
