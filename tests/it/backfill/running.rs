//! Running backfills: each row exactly once, whatever is cut off.

use super::support::{COUNT_UP, assert_each_once, begin, begun, connect, number, record, until};
use migrate_postgres::testing::{Server, ShutdownMode};
use migrate_postgres::{BackfillEnd, BackfillEvent, BackfillState, Event};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::proxy::{Cut, Point, Proxy, When};
use std::future::IntoFuture as _;
use std::time::Duration;

/// Otherwise it would end the server's process again and again, for ever.
#[tokio::test]
async fn a_batch_that_ends_its_own_connection_is_not_repeated_for_ever() {
    let ends = "-- migrate: batch=items(id)\nUPDATE items SET n = n + 1 WHERE ${batch} AND pg_terminate_backend(pg_backend_pid());";
    let (database, migrator, client) = begun(ends, 5).await;
    let error = migrator.backfill(database.url()).await.unwrap_err();
    assert!(error.to_string().contains("connection closed"), "{error}");
    assert_eq!(number(&client, "SELECT sum(n) FROM items").await, 0);
}

#[tokio::test]
async fn every_row_is_changed_exactly_once_by_a_statement_that_is_not_idempotent() {
    let (database, migrator, client) = begun(COUNT_UP, 100).await;
    assert_eq!(record(&migrator, &database).await.state, BackfillState::Running);
    let report = migrator.backfill(database.url()).await.unwrap();
    let backfill = &report.backfills[0];
    assert_eq!((backfill.end, backfill.rows, backfill.changed), (BackfillEnd::Done, 100, 100));
    assert_each_once(&client).await;
    let record = record(&migrator, &database).await;
    assert_eq!((record.state, record.rows_done, record.worker.as_deref()), (BackfillState::Done, 100, None));
    assert_eq!(record.key_columns.as_deref(), Some(&["id".to_owned()][..]));
    assert!(migrator.backfill(database.url()).await.unwrap().is_noop());
    assert_each_once(&client).await;
}

fn is_batch(event: &Event<'_>) -> bool {
    matches!(event, Event::Backfill(BackfillEvent::Batch { .. }))
}

/// Begins the same backfill again, in the same database.
const AGAIN: &str = "TRUNCATE touched; ALTER TABLE items DISABLE TRIGGER touch; UPDATE items SET n = 0; \
    ALTER TABLE items ENABLE TRIGGER touch; UPDATE migrate_history_backfill SET state = 'running', \"cursor\" = NULL, \
    rows_done = 0, batch_rows = 7, worker = NULL, worker_until = NULL";

#[tokio::test]
async fn a_connection_that_is_cut_at_any_message_loses_no_row_and_repeats_none() {
    let (database, migrator, client) = begun(COUNT_UP, 20).await;
    let mut cuts = 0;
    for number in 1.. {
        let mut was_struck = false;
        for when in [When::BeforeForwarding, When::AfterForwarding] {
            client.batch_execute(AGAIN).await.unwrap();
            let proxy = Proxy::start(&database.config()).await;
            proxy.cut(Cut { at: Point::of_any(number), when });
            migrator.backfill(&proxy.config()).poll_interval(Duration::from_millis(20)).await.unwrap();
            assert_each_once(&client).await;
            was_struck |= proxy.is_struck();
        }
        cuts = number;
        if !was_struck {
            break;
        }
    }
    assert!(cuts > 30, "{cuts} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_of_which_one_is_killed_now_and_then_change_each_row_once() {
    let (database, migrator, client) = begun(COUNT_UP, 400).await;
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (migrator, config) = (migrator.clone(), database.config());
            tokio::spawn(async move {
                let backfill = migrator.backfill(&config).lease(Duration::from_secs(1));
                backfill.batch_time(Duration::from_millis(1)).poll_interval(Duration::from_millis(50)).await
            })
        })
        .collect();
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY random() LIMIT 1) p";
    let mut killed = 0;
    while workers.iter().any(|worker| !worker.is_finished()) {
        killed += number(&client, kill).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    assert!(killed > 0);
    assert_each_once(&client).await;
}

#[tokio::test]
async fn a_worker_that_vanishes_is_replaced_when_its_lease_has_expired() {
    let (database, migrator, client) = begun(COUNT_UP, 50).await;
    let gone =
        "UPDATE migrate_history_backfill SET worker = 'gone', worker_until = now() + interval '1 second'";
    client.batch_execute(gone).await.unwrap();
    migrator.backfill(database.url()).poll_interval(Duration::from_millis(50)).await.unwrap();
    assert_each_once(&client).await;
}

#[tokio::test]
async fn a_worker_whose_lease_was_taken_stops_without_harm() {
    let (database, migrator, client) = begun(COUNT_UP, 100).await;
    let stolen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (config, seen) = (database.config(), stolen.clone());
    let migrator = migrator.on_event(move |event| {
        // Another worker takes it between two batches.
        if is_batch(event) && !seen.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let config = config.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                    tokio::spawn(connection);
                    let take = "UPDATE migrate_history_backfill SET worker = 'thief', worker_until = now() + interval '1 second'";
                    client.batch_execute(take).await.unwrap();
                });
            })
            .join()
            .unwrap();
        }
    });
    migrator.backfill(database.url()).poll_interval(Duration::from_millis(50)).await.unwrap();
    assert!(stolen.load(std::sync::atomic::Ordering::SeqCst));
    assert_each_once(&client).await;
}

#[tokio::test]
async fn rows_that_are_added_meanwhile_are_filled_too() {
    let (database, migrator, client) = begun(COUNT_UP, 30).await;
    let config = database.config();
    let migrator = migrator.on_event(move |event| {
        if is_batch(event) {
            let config = config.clone();
            let add = async move {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client
                    .batch_execute("INSERT INTO items VALUES (1000), (1001) ON CONFLICT DO NOTHING")
                    .await
                    .unwrap();
            };
            let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            std::thread::spawn(move || runtime().block_on(add)).join().unwrap();
        }
    });
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM items").await, 32);
    assert_each_once(&client).await;
}

#[tokio::test]
async fn behind_a_transaction_pooler_each_row_is_changed_once() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let Some(pooler) = PgBouncer::start(&server, 2).await else { return };
    let url = pooler.url(database.name());
    let (migrator, client) = begin(&url, COUNT_UP, 60).await;
    let other = migrator.clone();
    let first = migrator.backfill(&url).poll_interval(Duration::from_millis(50)).into_future();
    let second = other.backfill(&url).poll_interval(Duration::from_millis(50)).into_future();
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    second.unwrap();
    drop(client);
    assert_each_once(&connect(&server.url(database.name())).await).await;
}

#[tokio::test]
async fn a_server_that_restarts_meanwhile_is_connected_to_again() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let url = server.url(database.name());
    let slow = "-- migrate: batch=items(id) rows=5 pause=50ms\nUPDATE items SET n = n + 1 WHERE ${batch};";
    let (migrator, client) = begin(&url, slow, 60).await;
    let target = url.clone();
    let running = tokio::spawn(async move { migrator.backfill(&target).await });
    until(&client, "SELECT rows_done >= 10 FROM migrate_history_backfill").await;
    server.stop(ShutdownMode::Immediate).unwrap();
    server.restart().unwrap();
    running.await.unwrap().unwrap();
    assert_each_once(&connect(&url).await).await;
}
