//! A service that fills a new column of a large table while it serves: progress, and Ctrl-C at any moment.
//!
//! ```sh
//! cargo run --example backfill
//! ```
//!
//! It uses the database at `DATABASE_URL`. Without that variable it starts the machine's PostgreSQL for
//! itself and removes it at the end. With the variable, start it again after Ctrl-C: it goes on where it was.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use migrate_examples::Database;
use migrate_postgres::{BackfillEvent, Event, Migrator, migrate};
use std::time::Duration;

static MIGRATIONS: Migrator = migrate!("backfill/migrations");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let migrator = MIGRATIONS.clone().on_event(|event| match event {
        Event::Backfill(BackfillEvent::Batch { record, batch, .. }) => {
            let eta = batch.eta.map_or(0, |eta| eta.as_secs());
            println!("{:>3} %  {} rows in {:.0?}, {eta} s left", record.percent(), batch.rows, batch.took);
        }
        // It pauses while a standby lags, for example, and says why.
        Event::Backfill(event) => println!("{event}"),
        _ => {}
    });

    // The table is large, so the migration only begins the backfill, and the service is ready.
    println!("{}", migrator.run(database.url()).await?);

    // Every replica may do this; one at a time works. It stops at the end of a batch.
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let backfill = migrator.backfill(database.url()).batch_time(Duration::from_millis(50));
    println!("{}", backfill.until(interrupted).await?);
    Ok(())
}
