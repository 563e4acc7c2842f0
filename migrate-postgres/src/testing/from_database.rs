//! Types that a test function can take as arguments.

use std::future::Future;

use tokio_postgres::{Client, Config};

use super::{Database, TestingError};

/// An argument of a `#[migrate_postgres::test]`.
///
/// | type | gives |
/// |---|---|
/// | [`tokio_postgres::Client`] | a connection |
/// | [`tokio_postgres::Config`] | the connection settings |
/// | `deadpool_postgres::Pool` (feature `deadpool`) | a pool of up to four connections |
/// | [`String`] | the URL, for any program; with `DATABASE_URL` it holds that URL's password |
/// | [`&Database`](Database) | the database itself |
///
/// Implement it for types that your tests start with:
///
/// ```no_run
/// use migrate_postgres::testing::{Database, FromTestDatabase, TestingError};
///
/// struct App {
///     client: tokio_postgres::Client,
/// }
///
/// impl FromTestDatabase<'_> for App {
///     async fn from_test_database(database: &Database) -> Result<App, TestingError> {
///         Ok(App { client: database.connect().await? })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a test can't be given a `{Self}`",
    label = "no `FromTestDatabase`",
    note = "a test takes `tokio_postgres::Client`, `tokio_postgres::Config`, `deadpool_postgres::Pool` (feature `deadpool`), \
            `String` (the URL), `&Database`, and what implements `FromTestDatabase`"
)]
pub trait FromTestDatabase<'d>: Sized {
    /// Creates the argument for the test that `database` belongs to.
    ///
    /// # Errors
    ///
    /// Those of a connection, for types that have one.
    fn from_test_database(database: &'d Database) -> impl Future<Output = Result<Self, TestingError>>;
}

impl FromTestDatabase<'_> for Client {
    async fn from_test_database(database: &Database) -> Result<Client, TestingError> {
        database.connect().await
    }
}

impl FromTestDatabase<'_> for Config {
    async fn from_test_database(database: &Database) -> Result<Config, TestingError> {
        Ok(database.config())
    }
}

impl FromTestDatabase<'_> for String {
    async fn from_test_database(database: &Database) -> Result<String, TestingError> {
        Ok(database.url().to_owned())
    }
}

impl<'d> FromTestDatabase<'d> for &'d Database {
    async fn from_test_database(database: &'d Database) -> Result<&'d Database, TestingError> {
        Ok(database)
    }
}

#[cfg(feature = "deadpool")]
impl FromTestDatabase<'_> for deadpool_postgres::Pool {
    async fn from_test_database(database: &Database) -> Result<deadpool_postgres::Pool, TestingError> {
        let manager = deadpool_postgres::Manager::new(database.config(), tokio_postgres::NoTls);
        let pool = deadpool_postgres::Pool::builder(manager).max_size(4).build();
        Ok(pool.expect("no timeout is set, so no runtime is needed"))
    }
}
