//! An audit log: a library with its own table in the database of the application that uses it.
//!
//! Its migrations form a separate set, named `audit_log`. That set shares only the history's table with the
//! application's set: both may have a version `0001`, and each has its own order, digest and lock.

use migrate_postgres::{Error, Migrator, Report, Target, migrate};
use tokio_postgres::Client;

/// The migrations of this library, for applications that need more settings than [`migrate()`] offers.
pub static MIGRATIONS: Migrator = migrate!("migrations", set = "audit_log");

/// Updates the tables of this library. Call it at boot.
///
/// # Errors
///
/// Those of [`Migrator::run`].
pub async fn migrate<T: Target + ?Sized>(target: &T) -> Result<Report, Error> {
    MIGRATIONS.run(target).await
}

/// Records an entry.
///
/// # Errors
///
/// If the query fails.
pub async fn record(client: &Client, actor: &str, action: &str) -> Result<(), tokio_postgres::Error> {
    let sql = "INSERT INTO audit_log.entries (actor, action) VALUES ($1, $2)";
    client.execute(sql, &[&actor, &action]).await.map(drop)
}

/// The number of entries.
///
/// # Errors
///
/// If the query fails.
pub async fn count(client: &Client) -> Result<i64, tokio_postgres::Error> {
    Ok(client.query_one("SELECT count(*) FROM audit_log.entries", &[]).await?.get(0))
}
