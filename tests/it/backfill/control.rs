//! Orders to a backfill that runs elsewhere.

use super::support::{COUNT_UP, ITEMS, assert_each_once, begun, listening, migrator, number, record, until};
use migrate_postgres::{BackfillAction, BackfillEnd, BackfillState, Error};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// A batch of one row, so that an order comes between two of many.
const SLOW: &str = "-- migrate: batch=items(id) rows=1 pause=5ms\nUPDATE items SET n = n + 1 WHERE ${batch};";

#[tokio::test]
async fn a_pause_takes_effect_within_one_batch_and_ends_with_resume() {
    let (database, migrator, client) = begun(SLOW, 40).await;
    let (worker, config) = (migrator.clone(), database.config());
    let poll = Duration::from_millis(20);
    let running = tokio::spawn(async move {
        worker.backfill(&config).batch_time(Duration::from_nanos(1)).poll_interval(poll).await
    });
    until(&client, "SELECT rows_done >= 3 FROM migrate_history_backfill").await;
    let reason = Some("the sale begins".to_owned());
    let paused =
        migrator.steer_backfill(database.url(), "2", BackfillAction::Pause { reason }).await.unwrap();
    assert_eq!((paused.state, paused.reason.as_deref()), (BackfillState::Paused, Some("the sale begins")));
    tokio::time::sleep(Duration::from_millis(60)).await;
    let rows = number(&client, "SELECT sum(n) FROM items").await;
    assert_eq!(rows, i64::try_from(paused.rows_done).unwrap(), "no batch after the order");
    assert!(rows < 40 && !running.is_finished());
    migrator.steer_backfill(database.url(), "2", BackfillAction::Resume).await.unwrap();
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.backfills[0].end, BackfillEnd::Done);
    assert_each_once(&client).await;
}

#[tokio::test]
async fn what_a_canceled_backfill_has_filled_stays_and_is_known() {
    let (database, migrator, client) = begun(SLOW, 40).await;
    let ((worker, heard), config) = (listening(&migrator), database.config());
    let running =
        tokio::spawn(async move { worker.backfill(&config).batch_time(Duration::from_nanos(1)).await });
    until(&client, "SELECT rows_done >= 3 FROM migrate_history_backfill").await;
    let cancel = BackfillAction::Cancel { reason: Some("not needed".to_owned()) };
    migrator.steer_backfill(database.url(), "2", cancel).await.unwrap();
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.backfills[0].end, BackfillEnd::Cancelled);
    let ended: Vec<String> = heard.lock().unwrap().iter().filter(|word| *word != "batch").cloned().collect();
    assert_eq!(ended, ["started", "ended"]);
    let record = record(&migrator, &database).await;
    assert_eq!(record.state, BackfillState::Cancelled);
    assert_eq!(number(&client, "SELECT sum(n) FROM items").await, i64::try_from(record.rows_done).unwrap());
    assert!(record.rows_done < 40);
}

#[tokio::test]
async fn a_canceled_backfill_is_taken_up_again_where_it_was() {
    let (database, migrator, client) = begun(COUNT_UP, 40).await;
    migrator.steer_backfill(database.url(), "2", BackfillAction::Cancel { reason: None }).await.unwrap();
    assert!(migrator.backfill(database.url()).await.unwrap().is_noop());
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    let report = migrator.backfill(database.url()).await.unwrap();
    assert_eq!(report.backfills[0].end, BackfillEnd::Done);
    assert_each_once(&client).await;
}

#[tokio::test]
async fn an_accepted_text_is_the_one_that_it_goes_on_with() {
    let (database, _, client) = begun(COUNT_UP, 40).await;
    let items = format!("{ITEMS} INSERT INTO items SELECT generate_series(1, 40);");
    let edited = format!("{COUNT_UP}\n-- edited");
    let edited = migrator(&[("1_items.sql", &items), ("2_fill.sql", &edited)]);
    assert!(edited.backfill(database.url()).await.unwrap().is_noop(), "not with a text that nobody accepted");
    edited.accept(database.url(), "2", "a comment").await.unwrap();
    let report = edited.backfill(database.url()).await.unwrap();
    assert_eq!(report.backfills[0].end, BackfillEnd::Done);
    assert_each_once(&client).await;
}

#[tokio::test]
async fn another_rate_takes_effect_while_it_runs() {
    let (database, migrator, client) = begun(COUNT_UP, 2_000).await;
    let rate = |rows| BackfillAction::Rate(NonZeroU32::new(rows));
    migrator.steer_backfill(database.url(), "2", rate(10)).await.unwrap();
    let (worker, config) = (migrator.clone(), database.config());
    let poll = Duration::from_millis(10);
    let running = tokio::spawn(async move { worker.backfill(&config).poll_interval(poll).await });
    until(&client, "SELECT rows_done >= 7 FROM migrate_history_backfill").await;
    let slowly = record(&migrator, &database).await;
    assert!(slowly.rows_done < 500, "{} rows at 10 rows a second", slowly.rows_done);
    migrator.steer_backfill(database.url(), "2", rate(0)).await.unwrap();
    running.await.unwrap().unwrap();
    assert_each_once(&client).await;
}

#[tokio::test]
async fn it_stops_at_the_end_of_a_batch_when_it_is_told_and_gives_the_lease_back() {
    let (database, migrator, client) = begun(SLOW, 40).await;
    let stop = Arc::new(tokio::sync::Notify::new());
    let (worker, config, told) = (migrator.clone(), database.config(), stop.clone());
    let running = tokio::spawn(async move {
        let until = async move { told.notified().await };
        worker.backfill(&config).batch_time(Duration::from_nanos(1)).until(until).await
    });
    until(&client, "SELECT rows_done >= 3 FROM migrate_history_backfill").await;
    stop.notify_one();
    let report = running.await.unwrap().unwrap();
    assert!(report.is_interrupted());
    let left = record(&migrator, &database).await;
    assert_eq!((left.state, left.worker.as_deref()), (BackfillState::Running, None));
    assert!(left.rows_done < 40);
    migrator.backfill(database.url()).await.unwrap();
    assert_each_once(&client).await;
}

#[tokio::test]
async fn an_order_that_does_not_fit_is_refused_by_name() {
    let (database, migrator, _client) = begun(COUNT_UP, 10).await;
    let order = async |version: &str, action| migrator.steer_backfill(database.url(), version, action).await;
    let Error::BackfillUnfit { state, .. } = order("1", BackfillAction::Resume).await.unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(state, None);
    let error = order("2", BackfillAction::Resume).await.unwrap_err();
    assert!(error.to_string().starts_with("the backfill 2 can't be resumed: it is running"), "{error}");
    migrator.backfill(database.url()).await.unwrap();
    for action in [BackfillAction::Retry, BackfillAction::Cancel { reason: None }] {
        let Error::BackfillUnfit { state, .. } = order("2", action).await.unwrap_err() else {
            panic!("another error")
        };
        assert_eq!(state, Some(BackfillState::Done));
    }
}
