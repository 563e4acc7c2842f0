//! Drift: the differences between a database and its migrations.

mod baselines;
mod differing;
mod scratch;
mod shared;
mod since_kept;
mod tools;

use migrate_postgres::Set;
use migrate_postgres::testing::{self, Database};
use migrate_tests::sets::{Scripts, set};

/// An empty database.
async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

/// A set of up scripts.
fn ups(ups: &[&str]) -> Set {
    set("drift", ups.iter().enumerate().map(|(index, up)| Scripts::up(index + 1, *up)))
}

/// Two migrations of users.
fn users() -> Set {
    ups(&[
        "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada');",
        "CREATE INDEX CONCURRENTLY by_name ON users (name);",
    ])
}

/// Runs SQL in a database.
async fn run(database: &Database, sql: &str) {
    database.connect().await.unwrap().batch_execute(sql).await.unwrap();
}
