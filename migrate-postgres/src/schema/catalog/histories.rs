//! The histories of other tools: no more the application's than ours is.

use super::read::Scope;
use crate::error::Error;
use crate::history::{HistoryTable, checkpoint_table};
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
            let beside = checkpoint_table::name(history.name());
            let names = [history.name().to_owned(), beside];
            self.histories.extend(names.map(|name| (history.schema().to_owned(), name)));
        }
        Ok(self)
    }
}
