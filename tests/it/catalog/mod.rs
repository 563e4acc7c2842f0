//! Catalogs read from a server.

mod cases;
mod dumped;
mod left_out;
mod reading;
mod restored;
mod schema;
mod seen;

use migrate_postgres::catalog::{Catalog, Scope};
use migrate_postgres::testing::{self, Database};
use tokio_postgres::Client;

/// A database with a connection to it.
struct Sample {
    client: Client,
    database: Database,
}

impl Sample {
    /// An empty database.
    async fn new() -> Sample {
        let database = testing::server().unwrap().database().await.unwrap();
        Sample { client: database.connect().await.unwrap(), database }
    }

    /// Runs statements one by one, because some refuse to share a message.
    async fn run(&self, sql: &str) {
        for statement in migrate_core::sql::split(sql).statements {
            let text = statement.text(sql);
            self.client.batch_execute(text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
    }

    async fn catalog(&self) -> Catalog {
        Catalog::read(&self.client, &Scope::database()).await.unwrap()
    }
}
