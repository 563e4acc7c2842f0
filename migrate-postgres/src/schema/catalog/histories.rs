//! The histories of other tools: like ours, they are not part of the application.

use super::read::Scope;
use crate::error::Error;
use crate::history::{HistoryTable, checkpoint_table};
use tokio_postgres::Client;

impl Scope {
    /// Leaves out other tools' histories: tables that are recognized by name and columns, and the one that is
    /// used as the history, whatever its name.
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
