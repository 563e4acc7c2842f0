//! Running backfills: each row exactly once, whatever is cut off.

use super::support::{
    COUNT_UP, ITEMS, assert_each_once, begin, begun, connect, database, meanwhile, migrator, number, record,
    until,
};
use crate::failover::{either, standby_of};
use migrate_postgres::testing::{Database, Server, ShutdownMode};
use migrate_postgres::{BackfillEnd, BackfillEvent, BackfillState, Event, Migrator};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::proxy::{Cut, Point, Proxy, Side, When};
use std::future::IntoFuture as _;
use std::time::Duration;
use tokio_postgres::Client;

/// Otherwise it would end the server's process again and again, for ever.
#[tokio::test]
async fn a_batch_that_ends_its_own_connection_is_not_repeated_for_ever() {
    let ends = "-- migrate: batch=items(id)\nUPDATE items SET n = n + 1 WHERE ${batch} AND pg_terminate_backend(pg_backend_pid());";
    let (database, migrator, client) = begun(ends, 5).await;
    let error = migrator.backfill(database.url()).poll_interval(Duration::from_millis(20)).await.unwrap_err();
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
const AGAIN: &str = "DELETE FROM touched; SET session_replication_role = replica; UPDATE items SET n = 0; \
    RESET session_replication_role; UPDATE migrate_history_backfill SET state = 'running', \"cursor\" = NULL, \
    rows_done = 0, batch_rows = 3, worker = NULL, worker_until = NULL";

#[tokio::test]
async fn a_connection_that_is_cut_at_any_message_loses_no_row_and_repeats_none() {
    let (database, migrator, client) = begun(COUNT_UP, 6).await;
    let mut cuts = 0;
    for number in 1.. {
        let mut was_struck = false;
        for when in [When::BeforeForwarding, When::AfterForwarding] {
            client.batch_execute(AGAIN).await.unwrap();
            let proxy = Proxy::start(&database.config()).await;
            proxy.cut(Cut { at: Point::of_any(number).from(Side::Client), when });
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
    let (database, migrator, client) = begun(COUNT_UP, 150).await;
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
        tokio::time::sleep(Duration::from_millis(200)).await;
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
        "UPDATE migrate_history_backfill SET worker = 'gone', worker_until = now() + interval '100 ms'";
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
            let take = "UPDATE migrate_history_backfill SET worker = 'thief', worker_until = now() + interval '100 ms'";
            meanwhile(&config, take);
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
            meanwhile(&config, "INSERT INTO items VALUES (1000), (1001) ON CONFLICT DO NOTHING");
        }
    });
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM items").await, 32);
    assert_each_once(&client).await;
}

/// Two backfills of the same table.
async fn two(more: &str) -> (Database, Migrator, Client) {
    let database = database().await;
    let items = format!("{ITEMS} INSERT INTO items SELECT generate_series(1, 60); {more}");
    let migrator = migrator(&[("1_items.sql", &items), ("2_fill.sql", COUNT_UP), ("3_fill.sql", COUNT_UP)]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    (database, migrator, client)
}

#[tokio::test]
async fn one_backfill_at_a_time_works_on_a_table() {
    let alone = "CREATE FUNCTION alone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF (SELECT count(*) FROM migrate_history_backfill WHERE worker_until > clock_timestamp()) <> 1 \
                 THEN RAISE 'two at a time'; END IF; RETURN new; END $$; \
                 CREATE TRIGGER alone BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION alone();";
    let (database, migrator, client) = two(alone).await;
    let other = migrator.clone();
    let run = async |migrator: &Migrator| {
        let backfill = migrator.backfill(database.url()).poll_interval(Duration::from_millis(5));
        backfill.batch_time(Duration::from_nanos(1)).await.unwrap();
    };
    tokio::join!(run(&migrator), run(&other));
    assert_eq!(number(&client, "SELECT count(*) FROM items WHERE n <> 2").await, 0);
}

#[tokio::test]
async fn an_error_of_the_bookkeeping_leaves_the_lease_and_the_other_backfills_go_on() {
    let (database, migrator, client) = two("").await;
    let broken = "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$; \
                  CREATE TRIGGER broken BEFORE UPDATE OF key_columns ON migrate_history_backfill FOR EACH ROW \
                  WHEN (new.version = '2') EXECUTE FUNCTION broken();";
    client.batch_execute(broken).await.unwrap();
    let error = migrator.backfill(database.url()).await.unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
    let left = "SELECT string_agg(concat_ws(' ', version, state, worker), ', ' ORDER BY version) FROM migrate_history_backfill";
    let left: String = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, "2 running, 3 done");
    client.batch_execute("DROP TRIGGER broken ON migrate_history_backfill").await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM items WHERE n <> 2").await, 0);
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

#[tokio::test]
async fn the_standby_that_takes_over_gets_the_rest_of_a_backfill() {
    let primary = Server::start().unwrap();
    let standby = standby_of(&primary);
    let database = primary.database().await.unwrap();
    let slow = "-- migrate: batch=items(id) rows=2 pause=5ms\nUPDATE items SET n = n + 1 WHERE ${batch};";
    let (migrator, client) = begin(&primary.url(database.name()), slow, 40).await;
    until(&client, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
    let both = either(&primary, &standby, database.name());
    let running = tokio::spawn(async move {
        let backfill = migrator.backfill(&both).batch_time(Duration::from_nanos(1));
        backfill.poll_interval(Duration::from_millis(20)).await.unwrap()
    });
    let there = connect(&standby.url(database.name())).await;
    until(&there, "SELECT rows_done >= 6 FROM migrate_history_backfill").await;
    primary.stop(ShutdownMode::Immediate).unwrap();
    // Batches that did not reach the standby are lost with their cursor.
    there.batch_execute("SELECT pg_promote()").await.unwrap();
    let report = running.await.unwrap();
    assert_eq!(report.backfills[0].end, BackfillEnd::Done);
    assert_each_once(&there).await;
}
