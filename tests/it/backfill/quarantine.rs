//! Errors of batches: rows that are set aside, retries, and the errors that stop a backfill.

use super::support::{
    COUNT_UP, ITEMS, assert_each_once, begun, database, listening, migrator, number, record, until,
};
use migrate_postgres::testing::Database;
use migrate_postgres::{BackfillAction, BackfillCause, BackfillEvent, BackfillState, Error, Event, Migrator};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio_postgres::{Client, Config};

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
    let BackfillCause::QuarantineFull { limit: 2, key, .. } = &stopped.cause else { panic!("{error}") };
    assert_eq!(key, r#"{"id": "30"}"#);
    assert_eq!(record(&migrator, &database).await.state, BackfillState::Stopped);
    // It stays stopped, and says so again.
    let again = migrator.backfill(database.url()).await.unwrap_err();
    assert!(again.to_string().contains("failed for more than 2 rows"), "{again}");
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
    let (migrator, heard) = listening(&migrator.lock_timeout(Duration::from_millis(5)));
    let config = database.config();
    let running = tokio::spawn(async move { migrator.backfill(&config).await });
    // More often than a batch of 7 rows can be halved.
    while heard.lock().unwrap().iter().filter(|word| *word == "retrying").count() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
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

#[tokio::test]
async fn rows_without_a_key_are_set_aside_by_their_position_and_filled_by_a_retry() {
    let database = database().await;
    let table = "CREATE TABLE t (a int, n int, CONSTRAINT good CHECK (n % 10 <> 3)); INSERT INTO t SELECT generate_series(1, 30);";
    let fill = "-- migrate: batch=t rows=8\nUPDATE t SET n = 60 / (a - 20) * 0 + a WHERE n IS NULL AND 60 / (a - 20) < 99 AND ${batch};";
    let migrator = migrator(&[("1_t.sql", table), ("2_fill.sql", fill)]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    let record = record(&migrator, &database).await;
    assert_eq!((record.state, record.quarantined), (BackfillState::Done, 4));
    let rows = migrator.quarantined(database.url()).await.unwrap();
    let kept: Vec<(&str, &str)> = rows.iter().map(|row| (row.key.as_str(), row.sqlstate.as_str())).collect();
    let at = |row: &str| format!(r#"{{"ctid": "(0,{row})"}}"#);
    let [third, thirteenth, twentieth, other] = ["3", "13", "20", "23"].map(at);
    assert_eq!(
        kept,
        [(&*third, "23514"), (&*thirteenth, "23514"), (&*twentieth, "22012"), (&*other, "23514")],
        "the condition itself raises the error of one"
    );
    client
        .batch_execute("ALTER TABLE t DROP CONSTRAINT good; UPDATE t SET a = 31 WHERE a = 20")
        .await
        .unwrap();
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n IS DISTINCT FROM a").await, 0);
    assert_eq!(migrator.quarantined(database.url()).await.unwrap(), []);
}

#[tokio::test]
async fn a_retry_has_the_limits_of_a_batch() {
    let database = database().await;
    let items = "CREATE TABLE items (id int PRIMARY KEY, n int DEFAULT 0, limits text, CONSTRAINT good CHECK (id <> 5 OR n = 0)); \
                 INSERT INTO items SELECT generate_series(1, 9);";
    let fill = "-- migrate: batch=items(id) statement_timeout=77s lock_timeout=66s\nUPDATE items SET n = 1, \
                limits = concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'), \
                current_setting('idle_in_transaction_session_timeout')) WHERE ${batch};";
    let migrator = migrator(&[("1_items.sql", items), ("2_fill.sql", fill)]);
    migrator.run(database.url()).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE items DROP CONSTRAINT good").await.unwrap();
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    let limits =
        client.query_one("SELECT min(limits), max(limits), count(limits) FROM items", &[]).await.unwrap();
    let limits: (String, String, i64) = (limits.get(0), limits.get(1), limits.get(2));
    assert_eq!(limits, ("77s 66s 30s".to_owned(), "77s 66s 30s".to_owned(), 9));
}

#[tokio::test]
async fn a_retry_in_vain_keeps_the_row_that_was_tried_aside_and_no_other() {
    let database = database().await;
    // The first row of a retry waits for a lock of the test's.
    let items = "CREATE TABLE items (id int PRIMARY KEY, n int DEFAULT 0, CONSTRAINT good CHECK (n = 0 OR id NOT IN (5, 6))); \
                 INSERT INTO items SELECT generate_series(1, 9);";
    let fill = "-- migrate: batch=items(id)\nUPDATE items SET n = 1 WHERE ${batch} AND pg_advisory_xact_lock_shared(5) IS NOT NULL;";
    let migrator = migrator(&[("1_items.sql", items), ("2_fill.sql", fill)]);
    migrator.run(database.url()).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("UPDATE items SET n = 0 WHERE id = 1; SELECT pg_advisory_lock(5)").await.unwrap();
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    let (worker, config) = (migrator.clone(), database.config());
    let running = tokio::spawn(async move { worker.backfill(&config).await.unwrap() });
    until(&client, "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").await;
    let older = "INSERT INTO migrate_history_quarantine (set_name, version, key, sqlstate, error, retry, at) \
                 SELECT set_name, version, '{\"id\": \"1\"}', '', '', true, '2000-01-01' FROM migrate_history_quarantine LIMIT 1";
    client.batch_execute(older).await.unwrap();
    client.batch_execute("SELECT pg_advisory_unlock(5)").await.unwrap();
    running.await.unwrap();
    let rows = migrator.quarantined(database.url()).await.unwrap();
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, [r#"{"id": "5"}"#, r#"{"id": "6"}"#]);
    assert_eq!(number(&client, "SELECT sum(n) FROM items").await, 7, "the older row was tried as well");
}

/// Holds a lock on the row of the backfill until the test asks for its release.
fn hold_row(config: &Config) -> mpsc::Sender<()> {
    let ((locked, is_locked), (release, is_released)) = (mpsc::channel(), mpsc::channel());
    let config = config.clone();
    let hold = async move {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN; SELECT FROM migrate_history_backfill FOR UPDATE").await.unwrap();
        locked.send(()).unwrap();
        tokio::task::spawn_blocking(move || is_released.recv()).await.unwrap().unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(hold));
    is_locked.recv().unwrap();
    release
}

#[tokio::test]
async fn a_lock_on_the_row_of_the_backfill_makes_no_batch_smaller() {
    let (database, migrator, client) = begun(COUNT_UP, 20).await;
    let (config, rows) = (database.config(), Arc::new(Mutex::new(Vec::new())));
    let (tried, held) = (rows.clone(), Mutex::new(None));
    let migrator = migrator.lock_timeout(Duration::from_millis(20)).on_event(move |event| match event {
        Event::Backfill(BackfillEvent::Started { .. }) => *held.lock().unwrap() = Some(hold_row(&config)),
        Event::Backfill(BackfillEvent::Retrying { rows, .. }) => {
            tried.lock().unwrap().push(*rows);
            if let Some(release) = held.lock().unwrap().take() {
                release.send(()).unwrap();
            }
        }
        _ => {}
    });
    migrator.backfill(database.url()).await.unwrap();
    assert_each_once(&client).await;
    assert_eq!(*rows.lock().unwrap(), [7]);
}
