//! Drift since the end of the last run, without a scratch database.

use crate::drift::{database, run, users};
use migrate_postgres::Migrator;
use migrate_postgres::catalog::{Change, Kind};
use migrate_postgres::drift::{Comparison, SnapshotDrift};
use migrate_postgres::testing::Database;

async fn since(migrator: &Migrator, database: &Database) -> Option<SnapshotDrift> {
    migrator.drift_since_snapshot(database.url(), &Comparison::new()).await.unwrap()
}

#[tokio::test]
async fn what_others_change_after_a_run_is_told_and_what_runs_change_is_not() {
    let database = database().await;
    let plain = Migrator::new(users());
    plain.to(database.url(), "1").await.unwrap();
    assert_eq!(since(&plain, &database).await, None, "nobody asked for it to be kept");
    let keeping = plain.clone().snapshot_schema();
    keeping.run(database.url()).await.unwrap();
    let kept = since(&keeping, &database).await.unwrap();
    assert!(kept.changes.is_empty() && !kept.outdated, "{kept:?}");
    run(&database, "DROP INDEX by_name; ALTER TABLE users ALTER name SET NOT NULL").await;
    let found = since(&keeping, &database).await.unwrap().changes;
    let found: Vec<_> = found.iter().map(|change| (change.change, change.kind, &*change.identity)).collect();
    assert!(found.contains(&(Change::Removed, Kind::Index, "public.by_name")), "{found:?}");
    assert!(found.contains(&(Change::Changed, Kind::Column, "public.users.name")), "{found:?}");
    // A run with nothing to do takes no snapshot: the drift would disappear.
    keeping.run(database.url()).await.unwrap();
    assert_eq!(since(&keeping, &database).await.unwrap().kept_at, kept.kept_at);
}

#[tokio::test]
async fn what_was_kept_before_a_run_that_kept_nothing_is_outdated() {
    let database = database().await;
    let keeping = Migrator::new(users()).snapshot_schema();
    keeping.to(database.url(), "1").await.unwrap();
    Migrator::new(users()).run(database.url()).await.unwrap();
    assert!(since(&keeping, &database).await.unwrap().outdated);
}

#[tokio::test]
async fn a_schema_that_can_not_be_kept_is_no_reason_for_a_run_to_fail() {
    let database = database().await;
    run(&database, "CREATE TABLE migrate_schema (mine text)").await;
    let report = Migrator::new(users()).snapshot_schema().run(database.url()).await.unwrap();
    let notices: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    assert_eq!((report.steps.len(), notices.len()), (2, 1));
    assert!(notices[0].contains("the schema could not be recorded"), "{notices:?}");
}
