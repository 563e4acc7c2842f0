//! The queries of a script that returned a single true, or its text: only the type of their column tells.

use crate::sql::answers::{self, Answers, is_true};
use crate::sql::types::is_boolean;
use migrate_core::Script;
use migrate_core::sql::statement::LexedStatement;
use tokio_postgres::{Client, Error};

/// The statements of a script that returned a single `t`.
#[derive(Debug, Default)]
pub(super) struct Truths {
    statements: Vec<(usize, String)>,
}

impl Truths {
    /// Adds a statement that returned one.
    pub(super) fn push_if(&mut self, is_true: bool, script: &Script, statement: usize) {
        let Some(found) = script.statements().get(statement).filter(|_| is_true) else { return };
        let text = found.text(script.text());
        // A statement that is not a query, such as SHOW, returns text.
        if LexedStatement::new(text).parse().is_query() {
            self.statements.push((statement, text.to_owned()));
        }
    }

    /// The first of them whose column is not boolean. Runs none of them.
    pub(super) async fn first_of_other_type(&self, client: &Client) -> Result<Option<usize>, Error> {
        if self.statements.is_empty() {
            return Ok(None);
        }
        let queries: Vec<String> = self.statements.iter().map(|(_, text)| is_boolean(text)).collect();
        let mut answers = Answers::of(answers::simple_query(client, &queries.join(";\n")).await?);
        let mut types = self.statements.iter().map(|(statement, _)| (*statement, answers.next()));
        let other = types.find(|(_, rows)| !rows.first().is_some_and(|row| is_true(row, 0)));
        Ok(other.map(|(statement, _)| statement))
    }
}
