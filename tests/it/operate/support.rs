//! Shared code of these tests.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::folder_of;
use tokio_postgres::Client;

pub(crate) async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

pub(crate) fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// The first value of a query's only row.
pub(crate) async fn value<V>(client: &Client, sql: &str) -> V
where
    V: for<'v> tokio_postgres::types::FromSql<'v>,
{
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}")).get(0)
}
