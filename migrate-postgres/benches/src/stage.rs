//! The server that all is measured on, its databases, and the line to them.

use crate::Result;
use crate::tool::{Loaded, Session};
use migrate_postgres::testing::{Database, Server};
use migrate_tests::proxy::{Connection, Proxy, Side};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

/// The server, and how often things are measured on it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) options: crate::args::Options,
}

/// A way to a database: without latency its socket, else a proxy that takes its time.
pub(crate) struct Line {
    config: Config,
    _proxy: Option<Proxy>,
}

/// The data that a boot sent and received, without the opening of its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) round_trips: usize,
    pub(crate) sent: usize,
    pub(crate) received: usize,
    pub(crate) connections: Vec<Connection>,
}

impl Stage {
    pub(crate) fn start(options: crate::args::Options) -> Result<Stage> {
        // The tests' servers make do with 16 MB.
        let server = Server::builder().setting("shared_buffers", "128MB").start()?;
        Ok(Stage { server, options })
    }

    pub(crate) async fn empty(&self) -> Result<Database> {
        Ok(self.server.database().await?)
    }

    /// Runs statements as the superuser, outside of all that is measured.
    pub(crate) async fn admin(&self, sql: &str) -> Result<()> {
        let client = connect(&self.server.config("postgres")).await?;
        for statement in sql.split(';') {
            client.batch_execute(statement).await?;
        }
        Ok(())
    }
}

/// A connection.
pub(crate) async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Line {
    pub(crate) async fn to(config: &Config, latency: Duration) -> Line {
        if latency.is_zero() {
            return Line { config: config.clone(), _proxy: None };
        }
        let proxy = Proxy::start(config).await;
        proxy.set_latency(latency);
        Line { config: proxy.config(), _proxy: Some(proxy) }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

/// Boots once through a proxy that counts.
pub(crate) async fn count(loaded: &Loaded, config: &Config) -> Result<Traffic> {
    let proxy = Proxy::start(config).await;
    let mut session: Session = loaded.connect(&proxy.config()).await?;
    proxy.forget();
    session.boot().await?;
    Ok(Traffic::of(&proxy))
}

impl Traffic {
    pub(crate) fn of(proxy: &Proxy) -> Traffic {
        let connections = proxy.connections();
        Traffic {
            round_trips: connections.iter().map(|connection| connection.round_trips).sum(),
            sent: connections.iter().map(|connection| connection.bytes(Side::Client)).sum(),
            received: connections.iter().map(|connection| connection.bytes(Side::Server)).sum(),
            connections,
        }
    }
}
