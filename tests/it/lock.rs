//! The migration lock: its loss, and failures to get it.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, LockKind, Migrator, Report, Set};
use migrate_tests::sets::folder_of;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until a query returns more than zero.
async fn until(client: &Client, sql: &str) {
    for _ in 0..1000 {
        if count(client, sql).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {sql}");
}

/// The first run loses its lock while the server works for it, so the second one starts. It must neither
/// repeat the first one's work nor fail because of it.
#[tokio::test]
async fn a_run_whose_lock_was_lost_and_its_successor_apply_everything_once() {
    let database = database().await;
    let migrator =
        migrator(&[("1_a.sql", "CREATE TABLE a (); SELECT pg_sleep(2);"), ("2_b.sql", "CREATE TABLE b ();")]);
    let admin = database.connect().await.unwrap();
    let first = {
        let (migrator, config) = (migrator.clone(), database.config());
        tokio::spawn(async move { migrator.run(&config).await })
    };
    let holder = "FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
                  WHERE l.locktype = 'advisory' AND a.datname = current_database()";
    until(&admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database() AND pid <> pg_backend_pid()").await;
    assert_eq!(count(&admin, &format!("SELECT count(pg_terminate_backend(a.pid)) {holder}")).await, 1);
    migrator.run(&database.config()).await.unwrap();
    // The first migration was sent in one message with the second, so it may have committed both, or lost the
    // second.
    match first.await.unwrap() {
        Ok(_) | Err(Error::LockLost | Error::Server { .. }) => {}
        Err(other) => panic!("{other}"),
    }
    let applied = "SELECT count(*) FROM migrate_history WHERE live AND outcome = 'done'";
    assert_eq!(count(&admin, applied).await, 2);
    assert!(migrator.run(&database.config()).await.unwrap().is_noop());
}

/// Starts a slow run of one migration, and waits until the server is executing it.
async fn at_work(migrator: &Migrator, database: &Database) -> (Client, JoinHandle<Result<Report, Error>>) {
    let admin = database.connect().await.unwrap();
    let (run, config) = (migrator.clone(), database.config());
    let run = tokio::spawn(async move { run.run(&config).await });
    until(&admin, SLEEPERS).await;
    (admin, run)
}

const SLEEPERS: &str = "SELECT count(*) FROM pg_stat_activity \
                        WHERE wait_event = 'PgSleep' AND datname = current_database()";

/// The run stopped in the middle of its statement: none of its effects are there, and the server is no longer
/// executing it.
async fn stopped_in_the_middle(database: &Database, admin: &Client) {
    until(admin, &format!("SELECT count(*) FROM ({SLEEPERS}) s WHERE s.count = 0")).await;
    let there = "SELECT count(*) FROM pg_class WHERE relname = 'a' AND relnamespace = 'public'::regnamespace";
    assert_eq!(count(admin, there).await, 0);
    let quick = migrator(&[("1_a.sql", "CREATE TABLE a ();")]);
    quick.run(&database.config()).await.unwrap();
}

const SLOW: &[(&str, &str)] = &[("1_a.sql", "CREATE TABLE a (); SELECT pg_sleep(12);")];

#[tokio::test]
async fn a_run_whose_transaction_lock_is_lost_stops_in_the_middle() {
    let database = database().await;
    let (admin, run) = at_work(&migrator(SLOW), &database).await;
    let holder = "FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
                  WHERE l.locktype = 'advisory' AND a.datname = current_database()";
    assert_eq!(count(&admin, &format!("SELECT count(pg_terminate_backend(a.pid)) {holder}")).await, 1);
    let outcome = run.await.unwrap();
    assert!(matches!(outcome, Err(Error::LockLost)), "{outcome:?}");
    stopped_in_the_middle(&database, &admin).await;
}

#[tokio::test]
async fn a_holder_whose_lease_can_not_be_renewed_stops_in_the_middle() {
    let database = database().await;
    let slow = migrator(SLOW).lock(LockKind::Lease { expiry: Duration::from_secs(3) });
    let (admin, run) = at_work(&slow, &database).await;
    // Now another run's, as after a pause of this process.
    admin.batch_execute("UPDATE migrate_lease SET owner = 'another run'").await.unwrap();
    let outcome = run.await.unwrap();
    assert!(matches!(outcome, Err(Error::LockLost)), "{outcome:?}");
    stopped_in_the_middle(&database, &admin).await;
}

/// A session lock over one connection is released in every case.
#[tokio::test]
async fn a_borrowed_client_is_given_back_as_it_was() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("SET search_path = pg_catalog, public; SET lock_timeout = '7s'").await.unwrap();
    let failing = migrator(&[
        ("1_a.sql", "SET search_path = ''; SET lock_timeout = '1s'; SET TimeZone = 'Asia/Tokyo'; SELECT 1;"),
        ("2_b.sql", "SET statement_timeout = '3s'; SELECT 1/0;"),
    ])
    .history_schema("public");
    failing.run(&client).await.unwrap_err();
    let shown =
        |row: tokio_postgres::Row| (0..row.len()).map(|i| row.get::<_, String>(i)).collect::<Vec<_>>();
    let settings = "SELECT current_setting('search_path'), current_setting('lock_timeout'), current_setting('TimeZone'), current_setting('statement_timeout')";
    assert_eq!(
        shown(client.query_one(settings, &[]).await.unwrap()),
        ["pg_catalog, public", "7s", "UTC", "0"]
    );
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    assert_eq!(count(&client, locks).await, 0);
}

/// A run would commit the owner's open transaction. It must not, with or without a history.
#[tokio::test]
async fn a_client_in_a_transaction_of_its_owners_is_left_alone() {
    let database = database().await;
    let one = migrator(&[("1_a.sql", "CREATE TABLE a ();")]);
    let two = migrator(&[("1_a.sql", "CREATE TABLE a ();"), ("2_b.sql", "CREATE TABLE b ();")]);
    let manager = deadpool_postgres::Manager::new(database.config(), tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(2).build().unwrap();
    let object = pool.get().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("BEGIN; CREATE TABLE mine ()").await.unwrap();
    assert!(matches!(one.run(&client).await.unwrap_err(), Error::InTransaction));
    client.batch_execute("ROLLBACK").await.unwrap();
    one.run(&client).await.unwrap();

    client.batch_execute("BEGIN; CREATE TABLE mine ()").await.unwrap();
    assert!(one.run(&client).await.unwrap().is_noop(), "a look is welcome anywhere");
    assert!(matches!(two.run(&client).await.unwrap_err(), Error::InTransaction));
    client.batch_execute("SELECT FROM mine; ROLLBACK").await.unwrap();
    object.batch_execute("BEGIN; CREATE TABLE mine ()").await.unwrap();
    assert!(matches!(two.run(&object).await.unwrap_err(), Error::InTransaction));
    object.batch_execute("SELECT FROM mine; ROLLBACK").await.unwrap();
    let left = "SELECT count(*) FROM pg_class WHERE relname IN ('mine', 'b')";
    assert_eq!(count(&client, left).await, 0);
    two.run(&client).await.unwrap();
}
