//! Test support: a PostgreSQL server, and a database or schema for each test.
//!
//! | the test needs | attribute | call |
//! |---|---|---|
//! | a migrated database | [`#[migrate_postgres::test]`](macro@crate::test) | [`fresh_database`], [`Server::fresh_database`] |
//! | a migrated schema | `#[migrate_postgres::test(schema)]` | [`fresh_schema`], [`Server::fresh_schema`] |
//! | an empty database | | [`Server::database`] |
//!
//! ```no_run
//! use migrate_postgres::{Migrator, migrate};
//! use tokio_postgres::Client;
//!
//! static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
//!
//! #[migrate_postgres::test(set = MIGRATIONS)]
//! async fn a_user_is_found_by_name(client: Client) -> Result<(), tokio_postgres::Error> {
//!     assert!(client.query_opt("SELECT FROM users WHERE name = 'Ada'", &[]).await?.is_none());
//!     Ok(())
//! }
//! ```
//!
//! # How a migrated database takes milliseconds
//!
//! The set is applied once, to a *template* that is named after the set's digest. A test's database is a copy
//! of it, usually one that was made while another test ran. Template and copies are on a server that all test
//! processes of the user share ([`shared_server`]), and whose data stays in the temporary folder for the next
//! run. So the set is applied only once even under `cargo nextest`, which runs each test in its own process.
//!
//! A database is dropped, and its connections are ended, when its test has passed; it is kept if the test
//! fails. The next process drops the leftovers of a killed one: each process holds an advisory lock while it
//! lives, so no clock is involved. Templates are dropped after a week without use, or when four others were
//! used since.
//!
//! Limits: objects that belong to the server rather than the database, such as roles, are shared; privileges
//! on the database itself are not copied; `DATABASE_URL` can't lead to a pooler in transaction mode, because
//! sessions hold locks.
//!
//! # A schema for each test
//!
//! PostgreSQL can't copy schemas, so the scripts make each one, sent as in a run but not recorded. The tests
//! of one set share a database there: scripts must not name the schema, and a set that makes something
//! elsewhere (a table in a named schema, an extension) is refused with [`TestingError::OutsideSchema`]. A set
//! with scripts that can't each run in one transaction, such as `CREATE INDEX CONCURRENTLY`, is run for each
//! schema.
//!
//! # An empty database
//!
//! [`server()`] starts the machine's PostgreSQL once per test process, as a process that ends with the tests,
//! and [`Server::database`] creates an empty database on it:
//!
//! ```no_run
//! use migrate_postgres::testing;
//!
//! #[tokio::test]
//! async fn a_user_is_found_by_name() -> Result<(), Box<dyn std::error::Error>> {
//!     let database = testing::server()?.database().await?;
//!     let client = database.connect().await?;
//!     client.batch_execute("CREATE TABLE users (name text)").await?;
//!     assert!(client.query_opt("SELECT FROM users WHERE name = 'Ada'", &[]).await?.is_none());
//!     Ok(())
//! }
//! ```
//!
//! # Which server
//!
//! - With `DATABASE_URL` set, the server of that URL. Its user must be allowed to create databases;
//!   everything that the tests create there is dropped again.
//! - Otherwise the PostgreSQL in the folder `MIGRATE_TEST_PG_BIN`, or the one that [`Binaries::find`] finds.
//!   Only the server programs are needed, no running service: `apt-get install postgresql`, `brew install
//!   postgresql@17`.
//!
//! [`Server::builder`] starts additional servers, with other settings or another version.
//!
//! # Files left behind
//!
//! In the temporary folder, the folder `migrate-server-<uid>-<hash>` with the data of the shared server. The
//! server stops two seconds after the last test process, or a quarter of an hour after a failed test, so that
//! you can inspect the database that is kept. The folder is useless after a reboot. On the server of
//! `DATABASE_URL`, templates and a few copies.
//!
//! Otherwise only one initialized data folder per PostgreSQL version, about 30 MB, in the user's cache folder
//! (`$XDG_CACHE_HOME/migrate-postgres` or `~/.cache/migrate-postgres`), which speeds up the next start. Both
//! can be deleted at any time. The server of a single process lives in a folder `migrate-pg-…` in the
//! temporary folder; both are removed with the process that started it, even if that is killed.
//!
//! # Speed
//!
//! Starting a server copies about a thousand files, and creating a database three hundred. If the temporary
//! folder is slow at creating files, one in memory may be several times as fast: `TMPDIR=/dev/shm cargo
//! test`.
//!
//! # For tests only
//!
//! Such a server trusts every local connection that reaches its socket, and does not flush to disk.

#[cfg(not(unix))]
compile_error!("the feature `testing` of migrate-postgres needs a Unix system");

mod binaries;
mod current;
mod database;
mod error;
mod folder;
mod fresh;
mod from_database;
mod harness;
mod lint;
mod postmaster;
mod reversible;
mod schema_file;
mod server;
mod shared;
mod template;
mod url;
mod user;
mod watchdog;

pub use binaries::Binaries;
pub use current::{CurrentDifference, NotCurrent, check_current};
pub use database::Database;
pub use error::TestingError;
pub use from_database::FromTestDatabase;
pub use lint::{LintTest, LintTestError};
pub use reversible::{
    Irreversible, Reversible, ReversibleProblem, RoundTrip, TriedMigration, assert_reversible,
};
pub use schema_file::{StaleSchemaFile, check_schema_file};
pub use server::{Server, ServerBuilder, ShutdownMode, server, shared_server};

use crate::Migrator;

/// Creates a database with the set of `migrator` applied, for the calling test: a copy of a template on the
/// [`shared_server`], usually one that was made in advance. It is dropped with the value; if the test panics
/// it is kept, and its URL is written to standard error.
///
/// # Errors
///
/// Those of [`shared_server`] and [`Server::fresh_database`].
///
/// # Examples
///
/// ```no_run
/// use migrate_postgres::{migrate, testing};
///
/// #[tokio::test]
/// async fn a_user_is_found_by_name() -> Result<(), Box<dyn std::error::Error>> {
///     let database = testing::fresh_database(&migrate!("tests/fixtures/quickstart")).await?;
///     let client = database.connect().await?;
///     assert!(client.query_opt("SELECT FROM users WHERE name = 'Ada'", &[]).await?.is_none());
///     Ok(())
/// }
/// ```
pub async fn fresh_database(migrator: &Migrator) -> Result<Database, TestingError> {
    shared_server()?.fresh_database(migrator).await
}

/// Creates a schema with the set of `migrator` applied, for the calling test, on the [`shared_server`]: see
/// [`Server::fresh_schema`].
///
/// # Errors
///
/// Those of [`shared_server`] and [`Server::fresh_schema`].
pub async fn fresh_schema(migrator: &Migrator) -> Result<Database, TestingError> {
    shared_server()?.fresh_schema(migrator).await
}

/// The runtime of `#[migrate_postgres::test]`. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use super::harness::{Test, TestOutcome, TestScope, TestSeeds, given, run};
}
