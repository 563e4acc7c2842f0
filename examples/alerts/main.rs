//! A service that sends an alert while a migration is slow and when one fails, and that counts metrics for
//! alerting rules.
//!
//! ```sh
//! cargo run --example alerts
//! ```
//!
//! It uses the database at `DATABASE_URL`. Without that variable it starts the machine's PostgreSQL for
//! itself and removes it at the end.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use migrate_examples::Database;
use migrate_postgres::{Event, Migrator, migrate};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::{Client, NoTls};

static MIGRATIONS: Migrator = migrate!("alerts/migrations");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    // In a service, this would be an exporter such as Prometheus's.
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install()?;

    let (alerts, inbox) = unbounded_channel();
    let is_alerted = Arc::new(Notify::new());
    let webhook = tokio::spawn(send_alerts(inbox, is_alerted.clone()));
    let migrator =
        MIGRATIONS.clone().slow_after(Duration::from_millis(300)).lock_timeout(Duration::from_secs(20));
    let migrator = migrator.on_event(move |event| {
        if matches!(event, Event::Slow { .. } | Event::Failed { .. } | Event::Stopped { .. }) {
            // Sending takes time, and this call happens between two messages to the server, so another task
            // does it.
            drop(alerts.send(event.to_string()));
        }
    });
    migrator.clone().up_to("0001_create_orders").run(database.url()).await?;

    // A nightly report reads the orders in one long transaction, for which the next migration has to wait.
    let client = connect(database.url()).await?;
    client.batch_execute("SET application_name = 'nightly report'; BEGIN; TABLE orders").await?;
    let report = tokio::spawn(end_of_report(client, is_alerted.clone()));
    let outcome = migrator.run(database.url()).await;
    is_alerted.notify_one();
    report.await??;
    println!("{}", rules(&snapshotter).join("\n"));

    if outcome.is_err() {
        // An operator has read the alert and fixes the data that blocked the third migration.
        connect(database.url()).await?.batch_execute("UPDATE orders SET price = 1 WHERE price = 0").await?;
        println!("{}", migrator.run(database.url()).await?);
    }
    drop(migrator);
    webhook.await?;
    Ok(())
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Ends the report after the alert that it blocks the migration.
async fn end_of_report(client: Client, is_alerted: Arc<Notify>) -> anyhow::Result<()> {
    is_alerted.notified().await;
    Ok(client.batch_execute("COMMIT").await?)
}

/// Stands for a pager.
async fn send_alerts(mut inbox: UnboundedReceiver<String>, is_alerted: Arc<Notify>) {
    while let Some(text) = inbox.recv().await {
        eprintln!("ALERT {text}");
        is_alerted.notify_one();
    }
}

/// The findings of alerting rules: see `docs/observability.md` for those of Prometheus.
fn rules(snapshotter: &Snapshotter) -> Vec<String> {
    let mut firing = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let name = key.key().name();
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
        let is_alarming = match value {
            DebugValue::Counter(count) => {
                count > 0 && ["migrate_failures_total", "migrate_slow_total"].contains(&name)
            }
            DebugValue::Gauge(value) => value.0 > 0.0 && name == "migrate_pending_migrations",
            DebugValue::Histogram(_) => false,
        };
        if is_alarming {
            firing.push(format!("rule fires: {name}{{{}}}", labels.join(", ")));
        }
    }
    firing.sort();
    firing
}
