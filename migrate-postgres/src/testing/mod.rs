//! A PostgreSQL server for tests, in a process of its own and gone when the tests are.
//!
//! [`server()`] starts the machine's PostgreSQL once per test process, and [`Server::database`] makes
//! an empty database for each test:
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
//! Nothing but one initialised data folder per PostgreSQL version, about 30 MB, in the user's cache folder
//! (`$XDG_CACHE_HOME/migrate-postgres` or `~/.cache/migrate-postgres`), which makes the next start quick and
//! can be deleted at any time. A server lives in a folder `migrate-pg-…` in the temporary folder; both go with
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
mod database;
mod error;
mod folder;
mod postmaster;
mod reversible;
mod server;
mod template;
mod url;
mod user;
mod watchdog;

pub use binaries::Binaries;
pub use database::Database;
pub use error::TestingError;
pub use reversible::{Problem, Reversible, RoundTrip, Tried, assert_reversible};
pub use server::{Server, ServerBuilder, ShutdownMode, server};
