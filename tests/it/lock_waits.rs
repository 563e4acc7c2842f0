//! Statements that wait for a table lock: timeouts, retries, and the blocking session.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Event, MigrationStatus, Migrator, Resolution, Set};
use migrate_tests::sets::folder_of;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// A session that reads a table in a transaction and stays open.
async fn reader(database: &Database) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'reporting'; BEGIN; SELECT FROM t").await.unwrap();
    client
}

const ALTER: &[(&str, &str)] =
    &[("1_t.sql", "CREATE TABLE t ();"), ("2_alter.sql", "ALTER TABLE t ADD c int;")];

#[tokio::test]
async fn who_is_in_the_way_is_named_over_any_number_of_connections() {
    let database = database().await;
    let migrator = migrator(ALTER).retry_for(Duration::ZERO);
    migrator.clone().up_to("1").run(database.url()).await.unwrap();
    let _reader = reader(&database).await;
    let client = database.connect().await.unwrap();
    // Observed during the wait, then guessed afterwards: over one connection, no other session can observe
    // it.
    let long = migrator.clone().lock_timeout(Duration::from_millis(1500)).run(database.url()).await;
    let single = migrator.lock_timeout(Duration::from_millis(100)).run(&client).await;
    for outcome in [long, single] {
        let Error::Failed(failure) = outcome.unwrap_err() else { panic!("not a failure") };
        assert_eq!(failure.code.as_deref(), Some("55P03"));
        let blocker = &failure.blockers[0];
        assert_eq!(blocker.application.as_deref(), Some("reporting"));
        assert!(blocker.query.as_deref().unwrap().ends_with("SELECT FROM t"), "{blocker}");
        assert!(failure.to_string().contains("blocked by: pid "), "{failure}");
    }
}

#[tokio::test]
async fn a_migration_that_ran_into_a_lock_timeout_is_tried_again_until_the_way_is_free() {
    let database = database().await;
    let migrator = migrator(ALTER).lock_timeout(Duration::from_millis(50));
    migrator.clone().up_to("1").run(database.url()).await.unwrap();
    let reader = Mutex::new(Some(reader(&database).await));
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let migrator = migrator.on_event(move |event| {
        if let Event::Retrying { attempts, .. } = event {
            heard.lock().unwrap().push(*attempts);
            if *attempts == 2 {
                drop(reader.lock().unwrap().take());
            }
        }
    });
    let report = migrator.run(database.url()).await.unwrap();
    let told = told.lock().unwrap().clone();
    assert_eq!(report.steps[0].attempts as usize, told.len() + 1);
    let failed =
        migrator.history(database.url()).await.unwrap().iter().filter(|attempt| !attempt.live).count();
    assert_eq!(failed, told.len(), "every attempt leaves a trace");
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
}

/// The longest of many short reads while a migration waited behind a long one.
async fn longest_stall(lock_timeout: Duration) -> Duration {
    let database = database().await;
    let migrator = migrator(ALTER).lock_timeout(lock_timeout).retry_for(Duration::from_secs(60));
    migrator.clone().up_to("1").run(database.url()).await.unwrap();
    let reader = reader(&database).await;
    let config = database.config();
    let running = tokio::spawn(async move { migrator.run(&config).await });
    let short = database.connect().await.unwrap();
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    let mut reader = Some(reader);
    while !running.is_finished() {
        let before = Instant::now();
        if begun.elapsed() > Duration::from_secs(4) {
            drop(reader.take());
        }
        // A waiting read must not prevent the test from ending the read that it waits for.
        let read = short.batch_execute("SELECT FROM t");
        let release = async {
            tokio::time::sleep(Duration::from_secs(4).saturating_sub(begun.elapsed())).await;
            drop(reader.take());
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = read => outcome.unwrap(),
            () = release => {}
        }
        longest = longest.max(before.elapsed());
    }
    running.await.unwrap().unwrap();
    longest
}

/// Both are measured side by side, because absolute times vary. Others wait for our timeout, not for the
/// reader.
#[tokio::test]
async fn others_are_stalled_for_about_the_lock_timeout_and_no_longer() {
    let (ours, without) =
        tokio::join!(longest_stall(Duration::from_millis(200)), longest_stall(Duration::ZERO));
    assert!(ours * 2 < without, "{ours:?} with a lock timeout, {without:?} without");
}

#[tokio::test]
async fn timeouts_of_the_role_do_not_end_a_migration() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let role = format!("hasty_{}", database.name());
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET statement_timeout = '100ms'; \
             ALTER ROLE {role} SET idle_in_transaction_session_timeout = '100ms'; \
             ALTER ROLE {role} SET lock_timeout = '50ms';"
        ))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    let slow = migrator(&[
        ("1_slow.sql", "SELECT pg_sleep(0.5);"),
        (
            "2_bare.sql",
            "CREATE TABLE t (id int); CREATE INDEX CONCURRENTLY i ON t (id); SELECT pg_sleep(0.5);",
        ),
        ("3_asked.sql", "-- migrate: statement_timeout=200ms\nSELECT pg_sleep(5);"),
    ]);
    let Error::Failed(failure) = slow.run(&config).await.unwrap_err() else { panic!("not a failure") };
    assert_eq!((failure.name.as_str(), failure.code.as_deref()), ("3_asked", Some("57014")));
    assert_eq!(failure.report.steps.len(), 2);
    admin
        .batch_execute(&format!("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP ROLE {role}"))
        .await
        .unwrap();
}

/// Since PostgreSQL 17. It would end the lock's holder, which is idle in a transaction, and the migration.
#[tokio::test]
async fn a_transaction_timeout_of_the_database_ends_neither_a_migration_nor_the_lock() {
    let server = testing::server().unwrap();
    if server.version_num() < 170_000 {
        migrate_tests::skipped("PostgreSQL 17 or later (tests/with-postgres 18)");
        return;
    }
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let hasty = format!("ALTER DATABASE {} SET transaction_timeout = '150ms'", database.name());
    admin.batch_execute(&hasty).await.unwrap();
    let slow = migrator(&[
        ("1_slow.sql", "SELECT pg_sleep(0.7);"),
        (
            "2_bare.sql",
            "CREATE TABLE t (id int); CREATE INDEX CONCURRENTLY i ON t (id); SELECT pg_sleep(0.7);",
        ),
        ("3_call.sql", "-- migrate: transaction=none\nDO $$ BEGIN PERFORM pg_sleep(0.7); END $$;"),
    ]);
    let url = slow.run(&database.config()).await.unwrap();
    assert_eq!(url.steps.len(), 3);
    let client = database.connect().await.unwrap();
    let again =
        migrator(&[("1_slow.sql", "SELECT pg_sleep(0.7);")]).history_schema("public").history_table("again");
    assert_eq!(again.run(&client).await.unwrap().steps.len(), 1);
}

#[tokio::test]
async fn what_was_interrupted_can_be_settled_by_hand() {
    let files = |third| {
        migrator(&[
            ("1_t.sql", "CREATE TABLE t (id int);"),
            (
                "2_i.sql",
                &format!("INSERT INTO t VALUES (1); CREATE INDEX CONCURRENTLY i ON t (id); {third};"),
            ),
        ])
    };
    let broken = files("SELECT 1/0");
    let count = "SELECT count(*) FROM t";
    let state =
        async |migrator: &Migrator, url: &str| migrator.status(url).await.unwrap().rows[1].state.clone();

    // Applied, in its current state.
    let one = database().await;
    broken.run(one.url()).await.unwrap_err();
    assert!(matches!(
        state(&broken, one.url()).await,
        MigrationStatus::Interrupted { statements_done: 2, .. }
    ));
    broken.resolve(one.url(), "2", Resolution::Applied, "the rest is not needed").await.unwrap();
    assert!(broken.run(one.url()).await.unwrap().is_noop());
    let last = broken.history(one.url()).await.unwrap().pop().unwrap();
    assert_eq!(last.reason.as_deref(), Some("the rest is not needed"));

    // Reverted, after its effects were undone: it is pending again, from its first statement.
    let two = database().await;
    broken.run(two.url()).await.unwrap_err();
    let error = broken.resolve(two.url(), "2_i", Resolution::Reverted, "not so").await.unwrap_err();
    assert!(matches!(error, Error::ClaimContradicted { statement: 2, .. }), "{error}");
    assert!(error.to_string().contains("the index i exists"), "{error}");
    let client = two.connect().await.unwrap();
    client.batch_execute("TRUNCATE t; DROP INDEX i").await.unwrap();
    let error = broken.resolve(two.url(), "2_i", Resolution::Applied, "not so").await.unwrap_err();
    assert!(error.to_string().contains("there is no index i"), "{error}");
    broken.resolve(two.url(), "2_i", Resolution::Reverted, "undone").await.unwrap();
    assert!(matches!(state(&broken, two.url()).await, MigrationStatus::Pending { .. }));
    let mended = files("SELECT 1");
    assert_eq!(mended.run(two.url()).await.unwrap().steps.len(), 1);
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert!(mended.run(two.url()).await.unwrap().is_noop());

    // Resumed at another statement.
    let three = database().await;
    broken.run(three.url()).await.unwrap_err();
    let client = three.connect().await.unwrap();
    client.batch_execute("DROP INDEX i").await.unwrap();
    for wrong in [0, 4] {
        let error = broken.resolve(three.url(), "2", Resolution::ResumeAt(wrong), "").await.unwrap_err();
        assert!(error.to_string().contains("statements 1 to 3"), "{error}");
    }
    broken.resolve(three.url(), "2", Resolution::ResumeAt(2), "its index was dropped").await.unwrap();
    broken.run(three.url()).await.unwrap_err();
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    let index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'i'";
    assert_eq!(client.query_one(index, &[]).await.unwrap().get::<_, i64>(0), 1);

    // A false claim is refused; a true one changes nothing.
    let error = broken.resolve(three.url(), "1", Resolution::ResumeAt(1), "").await.unwrap_err();
    assert!(error.to_string().contains("was not interrupted: it is applied"), "{error}");
    assert!(broken.resolve(three.url(), "1", Resolution::Applied, "").await.unwrap().is_noop());
    client.batch_execute("DROP INDEX i").await.unwrap();
    broken.resolve(three.url(), "2", Resolution::Reverted, "").await.unwrap();
    broken.resolve(three.url(), "1", Resolution::Reverted, "").await.unwrap();
    assert!(matches!(state(&broken, three.url()).await, MigrationStatus::Pending { .. }));
}

/// A prepared transaction has no process, and holds its locks until it is ended by name.
#[tokio::test]
async fn a_prepared_transaction_in_the_way_is_named_with_what_ends_it() {
    let server = migrate_postgres::testing::Server::builder()
        .setting("max_prepared_transactions", "2")
        .start()
        .unwrap();
    let database = server.database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE t ()").await.unwrap();
    client.batch_execute("BEGIN; LOCK TABLE t; PREPARE TRANSACTION 'it''s mine'").await.unwrap();
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let told = heard.clone();
    let folder = migrate_tests::sets::folder_of(&[("1_t.sql", "ALTER TABLE t ADD a int;")]);
    let migrator =
        migrate_postgres::Migrator::new(migrate_postgres::Set::from_folder(folder.path()).unwrap())
            .lock_timeout(std::time::Duration::from_millis(1500))
            .retry_for(std::time::Duration::ZERO)
            .on_event(move |event| told.lock().unwrap().push_str(&format!("{event}\n")));
    let error = migrator.run(database.url()).await.unwrap_err().to_string();
    let named = "blocked by: the prepared transaction 'it''s mine' of ";
    assert!(error.contains(named), "{error}");
    assert!(heard.lock().unwrap().contains(&format!("; {named}")), "{}", heard.lock().unwrap());
    assert!(
        error.contains("next: end the blocking prepared transaction: ROLLBACK PREPARED 'it''s mine'"),
        "{error}"
    );
    client.batch_execute("ROLLBACK PREPARED 'it''s mine'").await.unwrap();
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
}
