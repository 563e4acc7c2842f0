//! Code that stops: errors, panics, a limit, a lock, a run that is dropped.

use super::{ACTS, act, database, effects, failure, nothing, rows, texts};
use migrate_core::advice::{Cause, Left};
use migrate_postgres::Event;
use migrate_postgres::code::StatementError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// An error of an application.
#[derive(Debug)]
struct NoRegion(StatementError);

impl std::fmt::Display for NoRegion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the region is not known")
    }
}

impl std::error::Error for NoRegion {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn an_error_names_the_call_the_cause_and_what_is_left() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| {
        context.batch_execute("SELECT no_such_column FROM effects").await.map_err(NoRegion)
    });
    let failure = failure(ACTS.clone().value(act).run(database.url()).await);
    let text = failure.to_string();
    assert!(text.contains("the region is not known: column \"no_such_column\" does not exist"), "{text}");
    assert!(text.contains("it/rust_code/stopped.rs:"), "{text}");
    assert!(text.contains(": SELECT no_such_column FROM effects"), "{text}");
    assert_eq!((failure.code.as_deref(), failure.left), (Some("42703"), Left::Nothing));
    assert_eq!(effects(&client).await, [""; 0]);
    let row = "SELECT sqlstate || ' ' || message FROM migrate_history WHERE outcome = 'failed'";
    assert!(texts(&client, row).await[0].starts_with("42703 the region is not known"));
}

#[tokio::test]
async fn an_error_in_the_file_itself_has_its_path_in_the_folder() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    // Without the table, the file's own statement fails.
    client.batch_execute("CREATE VIEW effects AS SELECT 'x'::text AS migration").await.unwrap();
    let migrator = ACTS.clone().value(nothing());
    migrator.baseline(database.url(), "0001").await.unwrap();
    let failure = failure(migrator.run(database.url()).await);
    let place = failure.place.as_ref().unwrap();
    assert_eq!((place.path.as_str(), place.line), ("0002_act.rs", 5), "{failure}");
}

#[tokio::test]
async fn a_panic_is_a_failure_that_leaves_nothing() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| {
        let rows = context.query("SELECT 1 WHERE false", &[]).await?;
        assert!(!rows.is_empty(), "no row of {}", context.name());
        crate::rust_code::done()
    });
    let failure = failure(ACTS.clone().value(act).run(database.url()).await);
    let text = failure.to_string();
    assert!(text.contains("the code panicked: no row of 0002_act"), "{text}");
    assert!(text.contains("the last statement was sent at "), "{text}");
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(effects(&client).await, [""; 0]);
    assert_eq!(rows(&client).await, ["1 apply done", "2 apply failed"]);
}

#[tokio::test]
async fn code_without_the_value_that_it_asks_for_says_what_to_pass() {
    let database = database().await;
    let text = failure(ACTS.run(database.url()).await).to_string();
    assert!(text.contains("asks for a value of the type it::rust_code::Act"), "{text}");
    assert!(text.contains("pass it with `Migrator::value`"), "{text}");
}

#[tokio::test]
async fn a_secret_of_a_statement_is_in_no_message() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| { context.batch_execute("ALTER ROLE no_such_role PASSWORD 'hunter2'").await });
    let failure = failure(ACTS.clone().value(act).run(database.url()).await);
    let text = format!("{failure} {failure:?} {:?}", failure.source);
    assert!(text.contains("ALTER ROLE no_such_role PASSWORD") && !text.contains("hunter2"), "{text}");
    let kept = "SELECT to_jsonb(h)::text FROM migrate_history h WHERE outcome = 'failed'";
    assert!(!texts(&client, kept).await[0].contains("hunter2"));
}

/// Signals between a test and its code.
#[derive(Clone, Default)]
struct Signals {
    begun: Arc<Notify>,
}

#[tokio::test]
async fn a_run_that_is_dropped_rolls_the_code_back() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let signals = Signals::default();
    let act = act!(|context| {
        context.value::<Signals>()?.begun.notify_one();
        std::future::pending::<()>().await;
        crate::rust_code::done()
    });
    let migrator = ACTS.clone().value(signals.clone()).value(act);
    tokio::select! {
        outcome = migrator.run(database.url()) => panic!("{outcome:?}"),
        () = signals.begun.notified() => {}
    }
    let report = ACTS.clone().value(nothing()).run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 2);
    assert_eq!(effects(&client).await, ["after", "begun"]);
    assert_eq!(rows(&client).await, ["1 apply done", "2 apply interrupted", "2 apply done", "3 apply done"]);
}

#[tokio::test]
async fn a_limit_ends_code_that_waits_for_something_else() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| {
        let _ = context;
        std::future::pending::<()>().await;
        crate::rust_code::done()
    });
    let migrator = ACTS.clone().value(act).migration_limit(Duration::from_millis(300));
    let failure = failure(migrator.run(database.url()).await);
    assert_eq!(failure.cause, Some(Cause::MigrationLimit), "{failure}");
    assert_eq!(effects(&client).await, [""; 0]);
}

#[tokio::test]
async fn a_limit_ends_a_statement_of_the_code_on_the_server() {
    let database = database().await;
    let act = act!(|context| {
        context.batch_execute("SELECT 1").await?;
        context.batch_execute("SELECT pg_sleep(60)").await
    });
    let migrator = ACTS.clone().value(act).migration_limit(Duration::from_millis(300));
    let failure = failure(migrator.run(database.url()).await);
    assert_eq!(
        (failure.cause, failure.code.as_deref()),
        (Some(Cause::MigrationLimit), Some("57014")),
        "{failure}"
    );
    let act = act!(|context| { context.batch_execute("SELECT pg_sleep(60)").await });
    let migrator = ACTS.clone().value(act).statement_timeout(Duration::from_millis(200));
    let failure = super::failure(migrator.run(database.url()).await);
    assert_eq!(
        (failure.cause, failure.code.as_deref()),
        (Some(Cause::StatementTimeout), Some("57014")),
        "{failure}"
    );
}

#[tokio::test]
async fn code_that_waits_too_long_for_a_lock_is_rolled_back_and_called_again() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    ACTS.clone().up_to("0001").run(database.url()).await.unwrap();
    client.batch_execute("BEGIN; LOCK TABLE effects").await.unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let holder = Arc::new(tokio::sync::Mutex::new(Some(client)));
    let (counted, released) = (tries.clone(), holder.clone());
    let migrator =
        ACTS.clone().value(nothing()).lock_timeout(Duration::from_millis(200)).on_event(move |event| {
            if let Event::Retrying { failure, .. } = event {
                assert!(!failure.blockers.is_empty(), "{failure}");
                counted.fetch_add(1, Ordering::Relaxed);
                drop(released.try_lock().ok().and_then(|mut client| client.take()));
            }
        });
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 2);
    assert!(tries.load(Ordering::Relaxed) > 0);
    let client = database.connect().await.unwrap();
    assert_eq!(effects(&client).await, ["after", "begun"]);
}
