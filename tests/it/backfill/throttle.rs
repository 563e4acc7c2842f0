//! Pauses of a backfill because of the server's load.

use super::support::{COUNT_UP, assert_each_once, begin, begun, connect, number, until};
use crate::failover::standby_of;
use migrate_postgres::testing::Server;
use migrate_postgres::{BackfillEvent, Event, Migrator};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// A pause after each batch.
const SLOW: &str =
    "-- migrate: batch=items(id) rows=2 pause=100ms\nUPDATE items SET n = n + 1 WHERE ${batch};";

/// The words of the pauses, and `resumed`.
type Heard = Arc<Mutex<Vec<String>>>;

fn listening(migrator: &Migrator) -> (Migrator, Heard) {
    let heard = Heard::default();
    let words = heard.clone();
    let migrator = migrator.clone().on_event(move |event| match event {
        Event::Backfill(BackfillEvent::Throttled { reasons, .. }) => {
            words.lock().unwrap().extend(reasons.iter().map(|reason| reason.word().to_owned()));
        }
        Event::Backfill(event @ (BackfillEvent::Resumed { .. } | BackfillEvent::Unseen { .. })) => {
            words.lock().unwrap().push(event.word().to_owned());
        }
        _ => {}
    });
    (migrator, heard)
}

/// The rows that are done when a pause shows, and 300 ms later.
async fn rows_of_a_pause(client: &Client) -> (i64, i64) {
    until(client, "SELECT reason IS NOT NULL FROM migrate_history_backfill").await;
    let rows = "SELECT rows_done FROM migrate_history_backfill";
    let before = number(client, rows).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    (before, number(client, rows).await)
}

fn run(migrator: Migrator, url: &str) -> JoinHandle<()> {
    let url = url.to_owned();
    tokio::spawn(async move {
        let backfill = migrator.backfill(&url).poll_interval(Duration::from_millis(50));
        backfill.batch_time(Duration::from_nanos(1)).await.unwrap();
    })
}

#[tokio::test]
async fn it_pauses_within_one_batch_while_a_session_waits_for_a_lock_on_the_table_and_resumes() {
    let (database, migrator, client) = begun(SLOW, 30).await;
    let (migrator, heard) = listening(&migrator);
    let running = run(migrator, database.url());
    until(&client, "SELECT rows_done >= 2 FROM migrate_history_backfill").await;
    let reader = database.connect().await.unwrap();
    reader.batch_execute("BEGIN; SELECT FROM items LIMIT 1").await.unwrap();
    let waiter = database.connect().await.unwrap();
    let waiting = tokio::spawn(async move { waiter.batch_execute("ALTER TABLE items ADD c int").await });
    let (before, after) = rows_of_a_pause(&client).await;
    assert_eq!(before, after, "no batch while a session waits");
    reader.batch_execute("COMMIT").await.unwrap();
    waiting.await.unwrap().unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    let heard = heard.lock().unwrap().clone();
    assert!(heard.starts_with(&["lock_waiters".to_owned(), "resumed".to_owned()]), "{heard:?}");
}

#[tokio::test]
async fn a_session_that_waits_for_the_locks_of_a_batch_makes_it_smaller() {
    let slow = "-- migrate: batch=items(id) rows=4\nUPDATE items SET n = n + 1 WHERE ${batch} AND pg_sleep(0.2) IS NOT NULL;";
    let (database, migrator, client) = begun(slow, 8).await;
    let (migrator, heard) = listening(&migrator);
    let running = run(migrator, database.url());
    let writer = database.connect().await.unwrap();
    until(&client, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    writer.batch_execute("UPDATE items SET id = id WHERE id = 1").await.unwrap();
    running.await.unwrap();
    assert_eq!(heard.lock().unwrap().first().map(String::as_str), Some("batch_blocked"));
}

#[tokio::test]
async fn it_pauses_within_one_batch_while_a_standby_replays_nothing_and_resumes() {
    let primary = Server::start().unwrap();
    let standby = standby_of(&primary);
    let database = primary.database().await.unwrap();
    let url = primary.url(database.name());
    let (migrator, client) = begin(&url, SLOW, 60).await;
    until(&client, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
    let there = connect(&standby.url("postgres")).await;
    there.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let (migrator, heard) = listening(&migrator);
    let target = url.clone();
    let running = tokio::spawn(async move {
        let backfill = migrator.backfill(&target).poll_interval(Duration::from_millis(50));
        backfill.batch_time(Duration::from_nanos(1)).max_lag(Duration::from_millis(500)).await.unwrap();
    });
    let (before, after) = rows_of_a_pause(&client).await;
    assert_eq!(before, after, "no batch while the standby is behind");
    assert!(before < 60);
    there.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    let heard = heard.lock().unwrap().clone();
    assert!(heard.starts_with(&["standby_lag".to_owned(), "resumed".to_owned()]), "{heard:?}");
}

#[tokio::test]
async fn it_pauses_while_a_replication_slot_retains_wal_and_resumes_without_the_slot() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let url = server.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 20).await;
    client.batch_execute("SELECT pg_create_physical_replication_slot('gone', true)").await.unwrap();
    let (migrator, heard) = listening(&migrator);
    let target = url.clone();
    let running = tokio::spawn(async move {
        let backfill = migrator.backfill(&target).poll_interval(Duration::from_millis(50));
        backfill.max_retained_wal(1).await.unwrap();
    });
    let (before, after) = rows_of_a_pause(&client).await;
    assert_eq!(before, after, "no batch while the slot retains WAL");
    client.batch_execute("SELECT pg_drop_replication_slot('gone')").await.unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*heard.lock().unwrap(), ["slot_retains", "resumed"]);
}

#[tokio::test]
async fn it_pauses_while_a_vacuum_against_wraparound_is_at_the_table() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let url = server.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 20).await;
    client
        .batch_execute(
            "ALTER TABLE items SET (autovacuum_freeze_max_age = 100000, autovacuum_enabled = false)",
        )
        .await
        .unwrap();
    let consume =
        "DO $$ BEGIN FOR i IN 1..100100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
    client.batch_execute("SET synchronous_commit = off").await.unwrap();
    client.batch_execute(consume).await.unwrap();
    let vacuum = connect(&url).await;
    // The lock of a vacuum; one that goes over the table takes too short to be met.
    vacuum.batch_execute("BEGIN; LOCK TABLE items IN SHARE UPDATE EXCLUSIVE MODE").await.unwrap();
    let (migrator, heard) = listening(&migrator);
    let running = run(migrator, &url);
    let (before, after) = rows_of_a_pause(&client).await;
    assert_eq!((before, after), (0, 0), "no batch while the vacuum is at the table");
    vacuum.batch_execute("COMMIT").await.unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*heard.lock().unwrap(), ["wraparound_vacuum", "resumed"]);
}

#[tokio::test]
async fn what_the_role_may_not_see_is_said_once() {
    let primary = Server::start().unwrap();
    let _standby = standby_of(&primary);
    let database = primary.database().await.unwrap();
    let url = primary.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 30).await;
    until(&client, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
    client
        .batch_execute(
            "CREATE ROLE plain LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; GRANT ALL ON SCHEMA public TO plain",
        )
        .await
        .unwrap();
    let mut config = primary.config(database.name());
    config.user("plain");
    let (migrator, heard) = listening(&migrator);
    migrator.backfill(&config).await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*heard.lock().unwrap(), ["unseen"]);
}
