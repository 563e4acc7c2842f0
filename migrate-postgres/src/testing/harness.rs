//! What `#[migrate_postgres::test]` expands to calls of. No part of the public interface, but for its traits.

use std::fmt::Display;

use super::{Database, FromTestDatabase, TestingError, shared_server};
use crate::Migrator;

/// A test, as its attribute tells of it.
#[derive(Debug)]
pub struct Test {
    /// What it is known by over several runs.
    pub name: &'static str,
    /// What it gets.
    pub scope: TestScope,
    /// Whether a failure keeps the database: not if the test is to panic.
    pub keep: bool,
}

/// What of its own a test gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestScope {
    /// A database.
    Database,
    /// A schema in a database that it shares.
    Schema,
}

/// What a test may return.
#[diagnostic::on_unimplemented(
    message = "a test can't return `{Self}`",
    note = "a test returns nothing, or a `Result`"
)]
pub trait TestOutcome {
    /// Whether the test failed.
    fn is_failure(&self) -> bool;
}

impl TestOutcome for () {
    fn is_failure(&self) -> bool {
        false
    }
}

impl<T, E> TestOutcome for Result<T, E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}

/// An argument of a test.
///
/// # Errors
///
/// Those of the argument's type.
pub async fn given<'d, T: FromTestDatabase<'d>>(database: &'d Database) -> Result<T, TestingError> {
    T::from_test_database(database).await
}

/// Runs a test on a runtime of its own.
///
/// # Panics
///
/// As the test does, and when no database can be had or dropped.
pub fn run<T: TestOutcome>(
    migrator: &Migrator,
    test: &Test,
    body: impl AsyncFnOnce(&Database) -> Result<T, TestingError>,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| give_up("start a runtime", &error));
    runtime.block_on(async {
        let database = make(migrator, test).await;
        let mut database = database.unwrap_or_else(|error| give_up("make a database", &error));
        // Dropped with the value where the test panics.
        database.keep_on_panic(test.keep);
        let outcome =
            body(&database).await.unwrap_or_else(|error| give_up("connect to the database", &error));
        if outcome.is_failure() && test.keep {
            database.keep().await;
        } else {
            database.close().await.unwrap_or_else(|error| give_up("drop the database", &error));
        }
        outcome
    })
}

async fn make(migrator: &Migrator, test: &Test) -> Result<Database, TestingError> {
    let name = Some(test.name.to_owned());
    match test.scope {
        TestScope::Database => Database::fresh(shared_server()?, migrator, name).await,
        TestScope::Schema => Database::fresh_schema(shared_server()?, migrator, name).await,
    }
}

fn give_up(what: &str, error: &dyn Display) -> ! {
    panic!("can't {what} for the test: {error}")
}
