//! What befalls a history at its edges: releases that do not know each other, sets that begin at once.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Event, Migrator, Refused};
use migrate_tests::sets::{Scripts, set, tables};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

/// Two branches, each released with a migration that the other does not have.
#[tokio::test]
async fn a_migration_before_one_that_only_another_release_has_is_out_of_order() {
    let database = database().await;
    let release = |versions: [usize; 3]| {
        Migrator::new(set("default", versions.map(|n| Scripts::up(n, format!("CREATE TABLE t{n} ()")))))
    };
    release([1, 2, 4]).run(database.url()).await.unwrap();
    let other = release([1, 2, 3]);
    match other.run(database.url()).await.unwrap_err() {
        Error::Refused(Refused::OutOfOrder { name, after, .. }) => {
            assert_eq!((&*name, &*after), ("00003_step", "00004_step"));
        }
        error => panic!("{error}"),
    }
    let report = other.allow_out_of_order(true).run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    let notices: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    assert!(notices.iter().any(|notice| notice.contains("00003_step is out of order")), "{notices:?}");
}

/// A library and its application, or two services: each has its own lock, and they share schema and table.
#[tokio::test]
async fn sets_that_boot_for_the_first_time_at_once_all_succeed() {
    for schema in [None, Some("ops")] {
        for _ in 0..8 {
            let database = Arc::new(database().await);
            let boots = ["one", "two", "three", "four"].map(|name| {
                let database = database.clone();
                let table = format!("CREATE TABLE {name} (); ");
                // One of them begins with a script of a kind that takes no company in its message.
                let up = if name == "four" { table + "VACUUM four" } else { table };
                let scripts = [Scripts::up(1, up)];
                let migrator = Migrator::new(set(name, scripts));
                let migrator = match schema {
                    Some(schema) => migrator.history_schema(schema),
                    None => migrator,
                };
                tokio::spawn(async move { migrator.run(database.url()).await })
            });
            for boot in boots {
                assert!(!boot.await.unwrap().unwrap().is_noop());
            }
        }
    }
}

#[tokio::test]
async fn a_set_whose_first_script_is_wrong_leaves_its_trace_beside_another_that_begins() {
    let database = database().await;
    let broken = Migrator::new(set("broken", [Scripts::up(1, "SELEC 1")]));
    let good = Migrator::new(tables(3));
    let (broken_run, good_run) = tokio::join!(broken.run(database.url()), good.run(database.url()));
    assert!(matches!(broken_run, Err(Error::Failed(_))));
    assert_eq!(good_run.unwrap().steps.len(), 3);
}

/// Somebody keeps writers from the history's table: a plain `CREATE INDEX` on it does.
#[tokio::test]
async fn who_keeps_the_history_locked_is_named_when_the_retries_are_used_up() {
    let database = database().await;
    Migrator::new(tables(1)).run(database.url()).await.unwrap();
    let mut other = database.connect().await.unwrap();
    let transaction = other.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE migrate_history IN SHARE MODE").await.unwrap();
    let retries = Arc::new(AtomicUsize::new(0));
    let concurrently = Scripts::up(2, "CREATE INDEX CONCURRENTLY ON t1 (id)");
    for scripts in [Scripts::up(2, "CREATE TABLE t2 ()"), concurrently] {
        let counted = retries.clone();
        let first = Scripts::up(1, "CREATE TABLE t1 (id bigint);").down("DROP TABLE t1;");
        let migrator = Migrator::new(set("tables", [first, scripts]))
            .lock_timeout(Duration::from_millis(200))
            .retry_for(Duration::from_secs(2))
            .on_event(move |event| {
                if matches!(event, Event::Retrying { .. }) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        retries.store(0, Ordering::Relaxed);
        let run = tokio::time::timeout(Duration::from_secs(30), migrator.run(database.url()));
        match run.await.expect("an end, when the retries are used up").unwrap_err() {
            Error::Failed(failure) => {
                assert_eq!(failure.code.as_deref(), Some("55P03"));
                assert!(retries.load(Ordering::Relaxed) > 0 && failure.attempts > 1);
                let text = failure.to_string();
                assert!(
                    text.contains("in the way: pid") && text.contains("LOCK TABLE migrate_history"),
                    "{text}"
                );
            }
            error => panic!("{error}"),
        }
    }
    transaction.rollback().await.unwrap();
}

/// A row that is there and that no run knows of: the history is what it was, however often it is looked at.
#[tokio::test]
async fn a_row_that_can_not_be_written_is_no_lost_lock() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    Migrator::new(tables(1)).run(&client).await.unwrap();
    let stray = "CREATE UNIQUE INDEX stray ON migrate_history (set_name)";
    client.batch_execute(stray).await.unwrap();
    let run = async { Migrator::new(tables(2)).run(database.url()).await };
    let error = tokio::time::timeout(Duration::from_secs(20), run).await.expect("an end").unwrap_err();
    assert_eq!(error.sqlstate(), Some("23505"), "{error}");
    assert!(error.to_string().contains("\"stray\""), "{error}");
}
