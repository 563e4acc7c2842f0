//! The runtime of `#[migrate_postgres::test]`. Not part of the public API, except its traits.

use std::fmt::Display;

use super::{Database, FromTestDatabase, TestingError, shared_server};
use crate::Migrator;

/// A test, as its attribute describes it.
#[derive(Debug)]
pub struct Test {
    /// Its name across runs.
    pub name: &'static str,
    /// Its scope.
    pub scope: TestScope,
    /// The seeds that its database has.
    pub seeds: TestSeeds,
    /// True if a failure keeps the database; false for tests that should panic.
    pub keep: bool,
}

/// The seeds of a test's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestSeeds {
    /// None.
    None,
    /// Those of all environments.
    Common,
    /// Those of all environments, and those of this one.
    Environment(&'static str),
}

impl TestSeeds {
    fn apply_to(self, migrator: &Migrator) -> Migrator {
        match self {
            TestSeeds::None => migrator.clone(),
            TestSeeds::Common => migrator.clone().seeding_tests(),
            TestSeeds::Environment(name) => migrator.clone().environment(name).seeding_tests(),
        }
    }
}

/// The private scope of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestScope {
    /// A database.
    Database,
    /// A schema in a shared database.
    Schema,
}

/// The return type of a test.
#[diagnostic::on_unimplemented(
    message = "a test can't return `{Self}`",
    note = "a test returns nothing, or a `Result`"
)]
pub trait TestOutcome {
    /// True if the test failed.
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

/// Runs a test on its own runtime.
///
/// # Panics
///
/// If the test panics, and if no database can be created or dropped.
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
        // If the test panics, dropping the value drops the database.
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
    let migrator = &test.seeds.apply_to(migrator);
    match test.scope {
        TestScope::Database => Database::fresh(shared_server()?, migrator, name).await,
        TestScope::Schema => Database::fresh_schema(shared_server()?, migrator, name).await,
    }
}

fn give_up(what: &str, error: &dyn Display) -> ! {
    panic!("can't {what} for the test: {error}")
}
