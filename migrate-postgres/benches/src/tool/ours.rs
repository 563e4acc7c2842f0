//! This library.

use crate::Result;
use crate::corpus::{Corpus, Layout};
use migrate_postgres::{Migrator, Set};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::{Client, Config, NoTls};

pub(crate) type Loaded = Arc<Migrator>;

pub(crate) struct Session {
    migrator: Arc<Migrator>,
    pub(crate) client: Client,
}

pub(super) fn load(corpus: &Corpus, folder: &Path) -> Result<Loaded> {
    corpus.write(folder, Layout::Flat)?;
    Ok(Arc::new(Migrator::new(Set::from_folder(folder)?)))
}

pub(super) async fn connect(loaded: &Loaded, config: &Config) -> Result<Session> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(Session { migrator: loaded.clone(), client })
}

impl Session {
    pub(super) async fn boot(&mut self) -> Result<()> {
        self.migrator.run(&self.client).await?;
        Ok(())
    }
}
