//! An audit log: a library that keeps a table of its own in the database of the application that uses it.
//!
//! Its migrations are a set of their own, named `audit_log`. It shares the history's table with the application's set and
//! nothing else: either may have a version `0001`, and each has its own order, digest and lock.

use migrate_postgres::{Error, Migrator, Report, Target, migrate};
use tokio_postgres::Client;

/// The migrations of this library, for an application that wants to set more than [`migrate()`] does.
pub static MIGRATIONS: Migrator = migrate!("migrations", set = "audit_log");

/// Brings the tables of this library up to date. To be called at boot.
///
/// # Errors
///
/// Those of [`Migrator::run`].
pub async fn migrate<T: Target + ?Sized>(target: &T) -> Result<Report, Error> {
    MIGRATIONS.run(target).await
}

/// Writes an entry.
///
/// # Errors
///
/// When the server says no.
pub async fn record(client: &Client, actor: &str, action: &str) -> Result<(), tokio_postgres::Error> {
    let sql = "INSERT INTO audit_log.entries (actor, action) VALUES ($1, $2)";
    client.execute(sql, &[&actor, &action]).await.map(drop)
}

/// How many entries there are.
///
/// # Errors
///
/// When the server says no.
pub async fn count(client: &Client) -> Result<i64, tokio_postgres::Error> {
    Ok(client.query_one("SELECT count(*) FROM audit_log.entries", &[]).await?.get(0))
}
