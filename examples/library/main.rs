//! An application and a library in one database, each with its own migrations.
//!
//! ```sh
//! cargo run --example library
//! ```
//!
//! The library is the crate in `examples/library/audit-log`. The example uses the database at `DATABASE_URL`.
//! Without that variable it starts the machine's PostgreSQL for itself and removes it at the end.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use migrate_examples::Database;
use migrate_postgres::{Migrator, migrate};
use tokio_postgres::NoTls;

/// The application's own set, `default`.
static MIGRATIONS: Migrator = migrate!("library/migrations");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await?;
    tokio::spawn(connection);

    // The library knows its tables; the application decides when to migrate them.
    println!("audit_log: {}", audit_log::migrate(&client).await?);
    println!("default:   {}", MIGRATIONS.run(&client).await?);

    client.execute("INSERT INTO accounts (owner) VALUES ('Ada')", &[]).await?;
    audit_log::record(&client, "Ada", "opened an account").await?;
    println!("entries in the audit log: {}", audit_log::count(&client).await?);

    println!("\naudit_log\n{}", audit_log::MIGRATIONS.status(&client).await?);
    println!("\ndefault\n{}", MIGRATIONS.status(&client).await?);
    Ok(())
}
