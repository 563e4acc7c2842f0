//! The histories of other tools: no more the application's than ours is.

use super::read::Scope;
use crate::error::Error;
use crate::history::HistoryTable;
use tokio_postgres::Client;

impl Scope {
    /// The same without what other tools remember in a database: the tables that are known by their names and columns, and
    /// the one that is kept as the history, whatever it is called.
    pub(crate) async fn without_histories(
        mut self,
        client: &Client,
        history: &HistoryTable,
    ) -> Result<Scope, Error> {
        self.histories = crate::history::foreign::tables(client).await?;
        if history.keeps().is_some() {
            self.histories.push((history.schema().to_owned(), history.name().to_owned()));
        }
        Ok(self)
    }
}
