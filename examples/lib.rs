//! Shared code of the examples: a database to run against.

use migrate_postgres::testing::{self, TestingError};
use std::env;

/// The database that an example uses.
#[derive(Debug)]
pub struct Database {
    url: String,
    /// Dropped with this value.
    _own: Option<testing::Database>,
}

impl Database {
    /// Opens the database at `DATABASE_URL`. Without that variable it creates a new one, on a PostgreSQL that
    /// is started for this process and ends with it.
    ///
    /// # Errors
    ///
    /// If `DATABASE_URL` is not set and this machine has no PostgreSQL: the error says what to install.
    pub async fn open() -> Result<Database, TestingError> {
        if let Some(url) = env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
            return Ok(Database { url, _own: None });
        }
        let own = testing::server()?.database().await?;
        Ok(Database { url: own.url().to_owned(), _own: Some(own) })
    }

    /// Its connection string.
    pub fn url(&self) -> &str {
        &self.url
    }
}
