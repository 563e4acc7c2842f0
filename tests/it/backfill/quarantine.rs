//! Errors of batches: rows that are set aside, retries, and the errors that stop a backfill.

use super::support::{COUNT_UP, ITEMS, assert_each_once, begun, database, migrator, number, record};
use migrate_postgres::testing::Database;
use migrate_postgres::{BackfillAction, BackfillCause, BackfillEvent, BackfillState, Error, Event, Migrator};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_postgres::Client;

/// A check that some rows fail.
async fn with_bad_rows(rows: u32, bad: &str) -> (Database, Migrator, Client) {
    let database = database().await;
    let items = format!(
        "{ITEMS} INSERT INTO items SELECT generate_series(1, {rows}); \
         ALTER TABLE items ADD CONSTRAINT good CHECK (n = 0 OR NOT ({bad}));"
    );
    let migrator = migrator(&[("1_items.sql", &items), ("2_fill.sql", COUNT_UP)]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    (database, migrator, client)
}

#[tokio::test]
async fn only_the_rows_that_raise_an_error_are_set_aside_and_a_retry_fills_them() {
    let (database, migrator, client) = with_bad_rows(100, "id IN (1, 13, 14, 77, 100)").await;
    let report = migrator.backfill(database.url()).await.unwrap();
    assert_eq!(report.backfills[0].record.quarantined, 5);
    let rows = migrator.quarantined(database.url()).await.unwrap();
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(
        keys,
        [r#"{"id": "1"}"#, r#"{"id": "13"}"#, r#"{"id": "14"}"#, r#"{"id": "77"}"#, r#"{"id": "100"}"#]
    );
    assert!(rows.iter().all(|row| row.sqlstate == "23514" && row.error.contains("good")));
    assert_eq!(number(&client, "SELECT count(*) FROM items WHERE n = 1").await, 95);
    assert_eq!(number(&client, "SELECT count(*) FROM touched").await, 95, "no row was changed twice");

    // In vain, as nothing was corrected.
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(migrator.quarantined(database.url()).await.unwrap().len(), 5);
    client.batch_execute("ALTER TABLE items DROP CONSTRAINT good").await.unwrap();
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    let record = record(&migrator, &database).await;
    assert!(record.is_finished(), "{record:?}");
    assert_each_once(&client).await;
}

#[tokio::test]
async fn more_bad_rows_than_the_limit_stop_it_by_name_and_a_retry_goes_on() {
    let (database, migrator, client) = with_bad_rows(60, "id % 10 = 0").await;
    let error = migrator.backfill(database.url()).quarantine_limit(2).await.unwrap_err();
    let Error::BackfillStopped(stopped) = &error else { panic!("{error}") };
    assert!(matches!(stopped.cause, BackfillCause::QuarantineFull { limit: 2, .. }), "{error}");
    assert_eq!(record(&migrator, &database).await.state, BackfillState::Stopped);
    // It stays stopped, and says so again.
    let again = migrator.backfill(database.url()).await.unwrap_err();
    assert!(again.to_string().contains("more than 2 rows raise an error"), "{again}");
    client.batch_execute("ALTER TABLE items DROP CONSTRAINT good").await.unwrap();
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    assert_each_once(&client).await;
}

#[tokio::test]
async fn an_error_that_is_of_no_row_stops_it_with_the_error_kept() {
    let (database, migrator, client) = begun(COUNT_UP, 20).await;
    let broken =
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$";
    client.batch_execute(broken).await.unwrap();
    let error = migrator.backfill(database.url()).await.unwrap_err();
    let Error::BackfillStopped(stopped) = &error else { panic!("{error}") };
    let BackfillCause::Server { sqlstate, message, .. } = &stopped.cause else { panic!("{error}") };
    assert_eq!((sqlstate.as_str(), message.as_str()), ("P0001", "no"));
    let record = record(&migrator, &database).await;
    assert_eq!((record.state, record.quarantined), (BackfillState::Stopped, 0));
    assert_eq!(record.error.as_deref(), Some("no (SQLSTATE P0001)"));
}

#[tokio::test]
async fn a_batch_that_times_out_is_halved_and_tried_again() {
    // Each row takes 30 ms, and a statement 100.
    let slow = "-- migrate: batch=items(id) rows=16 statement_timeout=100ms\n\
                UPDATE items SET n = n + 1 WHERE ${batch} AND pg_sleep(0.03) IS NOT NULL;";
    let (database, migrator, client) = begun(slow, 10).await;
    let retries = Arc::new(AtomicUsize::new(0));
    let count = retries.clone();
    let migrator = migrator.on_event(move |event| {
        if let Event::Backfill(BackfillEvent::Retrying { .. }) = event {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    migrator.backfill(database.url()).await.unwrap();
    assert!(retries.load(Ordering::SeqCst) >= 2);
    assert_each_once(&client).await;
    assert_eq!(number(&client, "SELECT count(*) FROM migrate_history_quarantine").await, 0);
}

#[tokio::test]
async fn a_locked_row_is_waited_for_and_not_set_aside() {
    let (database, migrator, client) = begun(COUNT_UP, 20).await;
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; SELECT FROM items WHERE id = 9 FOR UPDATE").await.unwrap();
    let migrator = migrator.lock_timeout(Duration::from_millis(50));
    let config = database.config();
    let running = tokio::spawn(async move { migrator.backfill(&config).await });
    tokio::time::sleep(Duration::from_millis(700)).await;
    holder.batch_execute("COMMIT").await.unwrap();
    running.await.unwrap().unwrap();
    assert_each_once(&client).await;
}

#[tokio::test]
async fn a_role_without_privileges_is_told_which_ones_it_lacks() {
    let (database, migrator, client) = begun(COUNT_UP, 20).await;
    let role = format!("nobody_{}", database.name());
    client
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON migrate_history TO {role}"))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    let error = migrator.backfill(&config).await.unwrap_err();
    assert!(matches!(error, Error::Privilege { .. }), "{error}");
    assert!(error.to_string().contains("migrate_history_backfill"), "{error}");
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}
