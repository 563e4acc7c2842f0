//! Sampled batches of a backfill in a rehearsal.

use super::{applied, database, migrator, one};
use migrate_core::Version;
use migrate_core::plan::Up;
use migrate_postgres::Migrator;
use migrate_postgres::operate::RehearsalStopped;
use migrate_tests::sets::{self, Scripts};
use std::time::Duration;
use tokio_postgres::Config;

const LIMIT: Duration = Duration::from_secs(60);

/// A migrator whose first migration is applied.
async fn begun(config: &Config, first: &str, fill: &str) -> Migrator {
    let set = sets::set("sampled", [Scripts::up(1, first), Scripts::up(2, fill)]);
    let migrator = Migrator::new(set).inline_backfill_rows(10);
    migrator.run_plan(config, &Up::to(Version::numeric("1"))).await.unwrap();
    migrator
}

#[tokio::test]
async fn a_rehearsal_samples_a_large_backfill_and_leaves_out_what_waits_for_it() {
    let (database, client) = database().await;
    let config = database.config();
    migrator(5000).run_plan(&config, &Up::to(Version::numeric("1"))).await.unwrap();
    client.batch_execute("ANALYZE users").await.unwrap();
    let rehearsal = migrator(5000).rehearse(&config, LIMIT).await.unwrap();
    assert!(rehearsal.stopped.is_none(), "{rehearsal}");
    assert_eq!(rehearsal.left_out, ["00003_step"]);
    let names: Vec<&str> = rehearsal.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["00002_step", "00004_step"]);
    let sampled = rehearsal.steps[0].backfill.as_ref().unwrap();
    assert_eq!((sampled.key.as_slice(), sampled.batches.len()), (&["id".to_owned()][..], 5));
    assert_eq!(sampled.batches[0].rows, 1000);
    assert!(
        sampled.batches.iter().all(|batch| batch.rows == batch.changed && batch.rows > 0 && batch.wal > 0)
    );
    assert!(sampled.rows_total > 4000 && sampled.eta().is_some() && sampled.wal() > Some(0), "{sampled}");
    assert!(rehearsal.to_string().contains("5 sampled batches of users: "), "{rehearsal}");
    assert_eq!(applied(&client).await, "1");
    assert_eq!(one(&client, "SELECT sum(n) FROM users").await, "0");
    assert_eq!(one(&client, "SELECT to_regclass('migrate_history_backfill')").await, "null");
}

#[tokio::test]
async fn a_rehearsal_samples_a_table_without_a_key_and_says_which_error_a_row_raises() {
    let (database, client) = database().await;
    let table =
        "CREATE TABLE t (a int, n int CHECK (n <> 3)); INSERT INTO t SELECT generate_series(1, 3000);";
    let fill = "-- migrate: batch=t rows=100\nUPDATE t SET n = a WHERE n IS NULL AND ${batch};";
    let migrator = begun(&database.config(), table, fill).await;
    let rehearsal = migrator.rehearse(&database.config(), LIMIT).await.unwrap();
    let sampled = rehearsal.steps[0].backfill.as_ref().unwrap();
    assert_eq!((sampled.key.len(), sampled.batches.len()), (0, 5), "{rehearsal}");
    let errors: Vec<bool> = sampled.batches.iter().map(|batch| batch.error.is_some()).collect();
    assert_eq!(errors, [true, false, false, false, false]);
    assert!(rehearsal.to_string().contains("rows would be set aside: "), "{rehearsal}");
    assert_eq!(one(&client, "SELECT count(n) FROM t").await, "0");
}

#[tokio::test]
async fn a_rehearsal_of_a_backfill_that_would_fail_names_its_place() {
    let (database, _client) = database().await;
    let table = "CREATE TABLE t (id int, n int); INSERT INTO t SELECT generate_series(1, 30);";
    let fill = "-- migrate: batch=t(id)\nUPDATE t SET n = 1 WHERE ${batch};";
    let migrator = begun(&database.config(), table, fill).await;
    let rehearsal = migrator.rehearse(&database.config(), LIMIT).await.unwrap();
    let Some(RehearsalStopped::Failed(failure)) = &rehearsal.stopped else { panic!("{rehearsal}") };
    assert!(
        failure.message.contains("(id) is no key of t, which has no unique index on not-null columns"),
        "{rehearsal}"
    );
    assert_eq!(failure.place.as_ref().map(|place| (place.line, place.column)), Some((1, 13)));
}
