//! refinery over tokio-postgres: `Runner::run_async`, as `embed_migrations!` makes it.

use crate::Result;
use crate::corpus::{Corpus, Layout};
use refinery::Runner;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::{Client, Config, NoTls};

pub(crate) type Loaded = Arc<Runner>;

pub(crate) struct Session {
    runner: Arc<Runner>,
    client: Client,
}

pub(super) fn load(corpus: &Corpus, folder: &Path) -> Result<Loaded> {
    corpus.write(folder, Layout::Refinery)?;
    Ok(Arc::new(Runner::new(&refinery::load_sql_migrations(folder)?)))
}

pub(super) async fn connect(loaded: &Loaded, config: &Config) -> Result<Session> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(Session { runner: loaded.clone(), client })
}

impl Session {
    pub(super) async fn boot(&mut self) -> Result<()> {
        self.runner.run_async(&mut self.client).await?;
        Ok(())
    }
}
