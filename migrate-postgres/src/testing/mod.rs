//! A PostgreSQL server for tests, and databases and schemas for each of them.
//!
//! | a test wants | attribute | call |
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
//! The set is applied once, to a *template* that is named by the set's digest. A test's database is a copy of it, and most of
//! the time one that was made while another test was at work. Template and copies are on a server that all test processes of
//! the user share ([`shared_server`]), and whose data stays in the temporary folder for the next run: under `cargo nextest`, with a
//! process for each test, the set is applied once too.
//!
//! A database is dropped with its connections when its test has passed, and kept when the test has failed. What a killed
//! process leaves is dropped by the next one: each holds an advisory lock while it lives, so no clock has to tell. Templates are
//! dropped when they were not used for a week, or when four others were used since.
//!
//! Limits: what is the server's and not the database's is shared, such as roles; rights that were granted on the database itself are not
//! copied; a server behind a pooler in transaction mode won't do for `DATABASE_URL`, since sessions hold locks.
//!
//! # A schema for each test
//!
//! PostgreSQL copies no schemas, so each is made by the scripts, as a run sends them but without its records. Tests of one set meet in one database there:
//! scripts must leave the schema's name out, and a set that makes something elsewhere (a table of a named schema, an extension) is
//! refused with [`TestingError::OutsideSchema`]. A set with scripts that one transaction each does not do for, such as
//! `CREATE INDEX CONCURRENTLY`, is run for each schema.
//!
//! # An empty database
//!
//! [`server()`] starts the machine's PostgreSQL once per test process, in a process of its own that goes when the tests do, and
//! [`Server::database`] makes an empty database on it:
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
//! - With `DATABASE_URL` set, the server of that URL. Its user must be allowed to create databases, and what
//!   the tests make there is dropped again.
//! - Else the PostgreSQL in the folder `MIGRATE_TEST_PG_BIN`, or the one that [`Binaries::find`] finds. Only
//!   the server is needed, no running service: `apt-get install postgresql`, `brew install postgresql@17`.
//!
//! [`Server::builder`] starts further servers, with settings or another version.
//!
//! # What it leaves behind
//!
//! In the temporary folder, the folder `migrate-server-<uid>-<hash>` with the data of the shared server, which stops two
//! seconds after the last test process (a quarter of an hour after a failed test, so that one can look at the database that is
//! kept); it is of no use after a restart of the machine. On the server of `DATABASE_URL`, templates and a few copies.
//!
//! Else nothing but one initialised data folder per PostgreSQL version, about 30 MB, in the user's cache folder
//! (`$XDG_CACHE_HOME/migrate-postgres` or `~/.cache/migrate-postgres`), which makes the next start quick. Both can be deleted at any time. A server of
//! one process lives in a folder `migrate-pg-…` in the temporary folder; both go with
//! the process that started it, also if that is killed.
//!
//! # Time
//!
//! A start is a copy of about a thousand files, and a database is one of three hundred. Where the temporary folder
//! is slow at making files, one in memory may be several times as fast: `TMPDIR=/dev/shm cargo test`.
//!
//! # Not for anything but tests
//!
//! Such a server trusts every local connection that reaches its socket and does not write through to the disk.

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
mod postmaster;
mod reversible;
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
pub use reversible::{
    Irreversible, Reversible, ReversibleProblem, RoundTrip, TriedMigration, assert_reversible,
};
pub use server::{Server, ServerBuilder, ShutdownMode, server, shared_server};

use crate::Migrator;

/// Makes a database with the set of `migrator` applied, for the test that calls this: a copy of a template on the
/// [`shared_server`], most of the time one that was made ahead. It is dropped with the value; if the test panics it is kept,
/// and its URL is written to standard error.
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

/// Makes a schema with the set of `migrator` applied, for the test that calls this, on the [`shared_server`]: see
/// [`Server::fresh_schema`].
///
/// # Errors
///
/// Those of [`shared_server`] and [`Server::fresh_schema`].
pub async fn fresh_schema(migrator: &Migrator) -> Result<Database, TestingError> {
    shared_server()?.fresh_schema(migrator).await
}

/// What `#[migrate_postgres::test]` expands to calls of. No part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use super::harness::{Test, TestOutcome, TestScope, given, run};
}
