//! sqlx: `Migrator::run` over a connection.

use super::Place;
use crate::Result;
use crate::corpus::{Corpus, Layout};
use sqlx::ConnectOptions as _;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::Config;

pub(crate) type Loaded = Arc<Migrator>;

pub(crate) struct Session {
    migrator: Arc<Migrator>,
    connection: PgConnection,
}

pub(super) async fn load(corpus: &Corpus, folder: &Path) -> Result<Loaded> {
    corpus.write(folder, Layout::Flat)?;
    Ok(Arc::new(Migrator::new(folder).await?))
}

pub(super) async fn connect(loaded: &Loaded, config: &Config) -> Result<Session> {
    let place = Place::of(config)?;
    let options = PgConnectOptions::new_without_pgpass()
        .host(&place.host)
        .port(place.port)
        .username(place.user)
        .database(place.database)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    Ok(Session { migrator: loaded.clone(), connection: options.connect().await? })
}

impl Session {
    pub(super) async fn boot(&mut self) -> Result<()> {
        // `run` calls this method. Its own future is not `Send` here: "implementation of `sqlx::Acquire` is
        // not general enough".
        Ok(self.migrator.run_direct(None, &mut self.connection, false).await?)
    }
}
