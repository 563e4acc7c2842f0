//! Pauses of a backfill because of the server's load.

use super::support::{COUNT_UP, assert_each_once, begin, begun, connect, meanwhile, number, until};
use crate::failover::standby_of;
use migrate_postgres::testing::Server;
use migrate_postgres::{Backfill, BackfillAction, BackfillEvent, Event, Migrator};
use migrate_tests::sets::folder_of;
use migrate_tests::skipped;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// A pause after each batch.
const SLOW: &str =
    "-- migrate: batch=items(id) rows=2 pause=10ms\nUPDATE items SET n = n + 1 WHERE ${batch};";

/// The words of the pauses, and `resumed`.
type Heard = Arc<Mutex<Vec<String>>>;

fn listening(migrator: &Migrator) -> (Migrator, Heard) {
    with_first_batch(migrator, || {})
}

/// Acts after the first batch, before the next look at the server.
fn with_first_batch(migrator: &Migrator, act: impl Fn() + Send + Sync + 'static) -> (Migrator, Heard) {
    let heard = Heard::default();
    let (words, has_acted) = (heard.clone(), AtomicBool::new(false));
    let migrator = migrator.clone().on_event(move |event| match event {
        Event::Backfill(BackfillEvent::Throttled { reasons, .. }) => {
            words.lock().unwrap().extend(reasons.iter().map(|reason| reason.word().to_owned()));
        }
        Event::Backfill(event @ (BackfillEvent::Resumed { .. } | BackfillEvent::Unseen { .. })) => {
            words.lock().unwrap().push(event.word().to_owned());
        }
        Event::Backfill(BackfillEvent::Batch { .. }) if !has_acted.swap(true, Ordering::SeqCst) => act(),
        _ => {}
    });
    (migrator, heard)
}

/// The rows that are done when a pause shows, and several looks at the server later; it fails if the backfill ends without a
/// pause.
async fn rows_of_a_pause(client: &Client, running: &JoinHandle<()>) -> (i64, i64) {
    while number(client, "SELECT count(reason) FROM migrate_history_backfill").await == 0 {
        assert!(!running.is_finished(), "it did not pause");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rows = "SELECT rows_done FROM migrate_history_backfill";
    let before = number(client, rows).await;
    tokio::time::sleep(POLL * 5).await;
    (before, number(client, rows).await)
}

/// The interval between two looks at the server.
const POLL: Duration = Duration::from_millis(10);

fn run(
    migrator: Migrator,
    url: &str,
    settings: impl FnOnce(Backfill<'_, str>) -> Backfill<'_, str> + Send + 'static,
) -> JoinHandle<()> {
    let url = url.to_owned();
    tokio::spawn(async move {
        let backfill = migrator.backfill(url.as_str()).poll_interval(POLL);
        settings(backfill).await.unwrap();
    })
}

#[tokio::test]
async fn it_pauses_within_one_batch_while_a_session_waits_for_a_lock_on_the_table_and_resumes() {
    let (database, migrator, client) = begun(COUNT_UP, 30).await;
    let config = database.config();
    let (migrator, heard) = with_first_batch(&migrator, move || {
        let waiter = config.clone();
        std::thread::spawn(move || meanwhile(&waiter, "ALTER TABLE items ADD c int"));
        meanwhile(
            &config,
            "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'items'::regclass AND NOT granted) \
                            LOOP PERFORM pg_sleep(0.005); END LOOP; END $$",
        );
    });
    let reader = database.connect().await.unwrap();
    reader.batch_execute("BEGIN; SELECT FROM items LIMIT 1").await.unwrap();
    let running = run(migrator, database.url(), |backfill| backfill);
    assert_eq!(rows_of_a_pause(&client, &running).await, (7, 7), "no batch while a session waits");
    reader.batch_execute("COMMIT").await.unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*heard.lock().unwrap(), ["lock_waiters", "resumed"]);
}

/// A batch whose last row waits for a lock of the test's.
const WAITS: &str = "-- migrate: batch=items(id) rows=4\nUPDATE items SET n = n + 1 WHERE ${batch} \
                     AND CASE WHEN id = 4 THEN pg_advisory_xact_lock_shared(4) IS NOT NULL ELSE true END;";

#[tokio::test]
async fn a_session_that_waits_for_the_locks_of_a_batch_makes_it_smaller_and_an_order_does_not() {
    for (order, expected) in [(false, vec!["batch_blocked"]), (true, Vec::new())] {
        let (database, migrator, client) = begun(WAITS, 8).await;
        client.batch_execute("SELECT pg_advisory_lock(4)").await.unwrap();
        let (worker, heard) = listening(&migrator);
        let running = run(worker, database.url(), |backfill| backfill);
        until(&client, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").await;
        let (writer, url) = (database.connect().await.unwrap(), database.url().to_owned());
        let waiting = tokio::spawn(async move {
            match order {
                true => drop(
                    migrator.steer_backfill(url.as_str(), "2", BackfillAction::Rate(None)).await.unwrap(),
                ),
                false => writer.batch_execute("UPDATE items SET id = id WHERE id = 1").await.unwrap(),
            }
        });
        until(&client, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted")
            .await;
        client.batch_execute("SELECT pg_advisory_unlock(4)").await.unwrap();
        running.await.unwrap();
        waiting.await.unwrap();
        assert_eq!(*heard.lock().unwrap(), expected);
    }
}

fn limited<'b>(backfill: Backfill<'b, str>) -> Backfill<'b, str> {
    backfill.batch_time(Duration::from_nanos(1)).max_lag(Duration::from_millis(50))
}

#[tokio::test]
async fn it_pauses_while_a_standby_replays_nothing_and_resumes_unless_that_standby_is_ignored() {
    let primary = Server::start().unwrap();
    let standby = standby_of(&primary);
    let [first, second] = [primary.database().await.unwrap(), primary.database().await.unwrap()];
    let [first, second] = [first.name(), second.name()].map(|name| primary.url(name));
    let (ignoring, client) = begin(&first, SLOW, 15).await;
    let (migrator, other) = begin(&second, SLOW, 15).await;
    until(&client, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
    let there = connect(&standby.url("postgres")).await;
    there.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();

    let (ignoring, heard) = listening(&ignoring);
    let backfill = limited(ignoring.backfill(first.as_str()));
    backfill.ignore_standbys(["another", "walreceiver"]).await.unwrap();
    assert_each_once(&client).await;
    assert!(heard.lock().unwrap().is_empty());

    let (migrator, heard) = listening(&migrator);
    let running = run(migrator, &second, limited);
    let (before, after) = rows_of_a_pause(&other, &running).await;
    assert_eq!(before, after, "no batch while the standby is behind");
    assert!(before < 15);
    there.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    running.await.unwrap();
    assert_each_once(&other).await;
    let heard = heard.lock().unwrap().clone();
    assert!(heard.starts_with(&["standby_lag".to_owned(), "resumed".to_owned()]), "{heard:?}");
}

/// A client that receives the WAL and says at the end of each segment alone what it has written, and a logical subscriber
/// that waits for a lock.
#[tokio::test]
async fn receivers_that_replay_nothing_do_not_pause_it_for_ever() {
    let server = Server::builder().setting("wal_level", "logical").start().unwrap();
    let program = server.bin_dir().unwrap().join("pg_receivewal");
    if !program.exists() {
        return skipped("pg_receivewal beside the server");
    }
    let [database, subscriber] = [server.database().await.unwrap(), server.database().await.unwrap()];
    let url = server.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 30).await;
    let there = connect(&server.url(subscriber.name())).await;
    let (socket, port) = (server.socket_dir().unwrap(), server.port().to_string());
    let publish = "CREATE TABLE fed (id int); CREATE PUBLICATION fed FOR TABLE fed; SELECT pg_create_physical_replication_slot('archive', true)";
    client.batch_execute(publish).await.unwrap();
    client.batch_execute("SELECT pg_create_logical_replication_slot('fed', 'pgoutput')").await.unwrap();
    let subscribe = format!(
        "CREATE SUBSCRIPTION fed CONNECTION 'host={} port={port} user=postgres dbname={}' PUBLICATION fed \
         WITH (create_slot = false, copy_data = false)",
        socket.display(),
        database.name()
    );
    there.batch_execute("CREATE TABLE fed (id int)").await.unwrap();
    there.batch_execute(&subscribe).await.unwrap();
    let archive = folder_of(&[("keep", "")]);
    let mut receiver = Command::new(program)
        .args(["-S", "archive", "-U", "postgres", "-p", &port, "-h"])
        .args([socket, "-D".as_ref(), archive.path()])
        .spawn()
        .unwrap();
    until(&client, "SELECT count(*) = 2 FROM pg_stat_replication WHERE state = 'streaming'").await;
    there.batch_execute("BEGIN; LOCK TABLE fed").await.unwrap();
    client.batch_execute("INSERT INTO fed VALUES (1)").await.unwrap();
    let running = run(migrator, &url, |backfill| backfill.max_lag(Duration::from_millis(1)));
    let ended = tokio::time::timeout(Duration::from_secs(20), running).await;
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    ended.expect("it pauses for ever").unwrap();
    assert_each_once(&client).await;
}

#[tokio::test]
async fn it_pauses_while_a_replication_slot_retains_wal_and_resumes_without_the_slot() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let url = server.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 20).await;
    client.batch_execute("SELECT pg_create_physical_replication_slot('gone', true)").await.unwrap();
    let (migrator, heard) = listening(&migrator);
    let running = run(migrator, &url, |backfill| backfill.max_retained_wal(1));
    assert_eq!(rows_of_a_pause(&client, &running).await, (0, 0), "no batch while the slot retains WAL");
    client.batch_execute("SELECT pg_drop_replication_slot('gone')").await.unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*heard.lock().unwrap(), ["slot_retains", "resumed"]);
}

#[tokio::test]
async fn it_pauses_while_wal_is_not_archived_and_resumes_when_it_is() {
    let folder = folder_of(&[("keep", "")]);
    let full = folder.path().join("full");
    let command = format!("test ! -e {}", full.display());
    let server =
        Server::builder().setting("archive_mode", "on").setting("archive_command", command).start().unwrap();
    let database = server.database().await.unwrap();
    let url = server.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 20).await;
    client.batch_execute("SELECT pg_switch_wal()").await.unwrap();
    until(&client, "SELECT archived_count > 0 FROM pg_stat_archiver").await;
    std::fs::write(&full, "").unwrap();
    for _ in 0..3 {
        client.batch_execute("SELECT pg_logical_emit_message(false, '', '')").await.unwrap();
        client.batch_execute("SELECT pg_switch_wal()").await.unwrap();
    }
    let (migrator, heard) = listening(&migrator);
    // More than one segment, which is archived when it is full.
    let segment = "SELECT pg_size_bytes(current_setting('wal_segment_size'))";
    let limit = u64::try_from(number(&client, segment).await).unwrap() * 3 / 2;
    let running = run(migrator, &url, move |backfill| backfill.max_unarchived_wal(limit));
    assert_eq!(rows_of_a_pause(&client, &running).await, (0, 0), "no batch while WAL piles up");
    std::fs::remove_file(&full).unwrap();
    running.await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*heard.lock().unwrap(), ["unarchived", "resumed"]);
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
    let running = run(migrator, &url, |backfill| backfill);
    assert_eq!(rows_of_a_pause(&client, &running).await, (0, 0), "no batch while the vacuum is at the table");
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
