//! Code may send anything but the end of its transaction, which is the run's.

use super::{ACTS, Act, act, database, effects, failure, nothing, rows, texts};
use migrate_core::advice::Left;
use migrate_postgres::code::{StatementError, Type};
use std::time::Duration;

/// Runs an act that is to fail, and checks that nothing of it is left.
async fn refused(act: Act, expected: &str) {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let failure = failure(ACTS.clone().value(act).run(database.url()).await);
    let text = failure.to_string();
    assert!(text.contains(expected), "{text}");
    assert_eq!(failure.left, Left::Nothing, "{text}");
    assert!(text.contains("0002_act left nothing behind; this run did one step before it"), "{text}");
    assert_eq!(effects(&client).await, [""; 0]);
    assert_eq!(rows(&client).await, ["1 apply done", "2 apply failed"]);
    // Nothing keeps a corrected program from going on.
    let report = ACTS.clone().value(nothing()).run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 2);
    assert_eq!(effects(&client).await, ["after", "begun"]);
}

#[tokio::test]
async fn a_statement_that_would_end_the_transaction_is_not_sent() {
    refused(
        act!(|context| { context.batch_execute("SELECT 1; COMMIT; SELECT 2").await }),
        "end its transaction with COMMIT",
    )
    .await;
    refused(
        act!(|context| { context.execute("rollback", &[]).await.map(drop) }),
        "end its transaction with ROLLBACK",
    )
    .await;
    refused(
        act!(|context| { context.query("begin", &[]).await.map(drop) }),
        "end its transaction with BEGIN",
    )
    .await;
}

#[tokio::test]
async fn a_commit_counts_although_the_code_ignores_the_error() {
    let act = act!(|context| {
        let error = context.batch_execute("COMMIT").await.unwrap_err();
        assert!(matches!(error, StatementError::EndsTransaction { command: "COMMIT", .. }), "{error}");
        crate::rust_code::done()
    });
    refused(act, "the code tried to end its transaction with COMMIT").await;
}

#[tokio::test]
async fn a_procedure_that_commits_fails_within_the_transaction() {
    let act = act!(|context| { context.batch_execute("DO $$ BEGIN COMMIT; END $$").await });
    refused(act, "SQLSTATE 2D000").await;
}

/// With strings that end at other places than the library takes for granted, a COMMIT can be hidden from it. The transaction's id
/// gives it away.
#[tokio::test]
async fn a_hidden_commit_is_noticed_at_the_end_and_the_state_is_told() {
    let act = act!(|context| {
        context
            .batch_execute("SET standard_conforming_strings = off; SET escape_string_warning = off")
            .await?;
        context.batch_execute(r"SELECT 'a\'';COMMIT;SELECT'b\''").await?;
        context.execute("INSERT INTO effects VALUES ('lost')", &[]).await.map(drop)
    });
    let database = database().await;
    let client = database.connect().await.unwrap();
    let failure = failure(ACTS.clone().value(act).run(database.url()).await);
    let text = failure.to_string();
    assert_eq!(failure.left, Left::Code, "{text}");
    assert!(text.contains("the code ended the transaction that the migration's row"), "{text}");
    assert!(text.contains("correct the code"), "{text}");
    assert!(text.contains("what the code of 0002_act committed before it stopped stays"), "{text}");
    assert_eq!(rows(&client).await, ["1 apply done", "2 apply failed"]);
    assert!(effects(&client).await.contains(&"begun".to_owned()));
}

#[tokio::test]
async fn savepoints_are_the_codes() {
    let act = act!(|context| {
        context.batch_execute("SAVEPOINT s; INSERT INTO effects VALUES ('tried')").await?;
        context.batch_execute("SELECT 1 / 0").await.unwrap_err();
        context.batch_execute("ROLLBACK TO s; RELEASE s").await?;
        context.execute("INSERT INTO effects VALUES ('kept')", &[]).await.map(drop)
    });
    let database = database().await;
    let client = database.connect().await.unwrap();
    ACTS.clone().value(act).run(database.url()).await.unwrap();
    assert_eq!(effects(&client).await, ["after", "begun", "kept"]);
}

/// Settings go before each statement then, which a failed transaction refuses.
#[tokio::test]
async fn savepoints_are_the_codes_under_a_limit_too() {
    let act = act!(|context| {
        context.batch_execute("SAVEPOINT s").await?;
        context.batch_execute("SELECT 1 / 0").await.unwrap_err();
        context.batch_execute("ROLLBACK TO s").await?;
        context.execute("INSERT INTO effects VALUES ('kept')", &[]).await.map(drop)
    });
    let database = database().await;
    let client = database.connect().await.unwrap();
    let limited = ACTS.clone().value(act).migration_limit(Duration::from_secs(60));
    limited.run(database.url()).await.unwrap();
    assert_eq!(effects(&client).await, ["after", "begun", "kept"]);
}

/// `unwrap` in code prints the error's `Debug`.
#[tokio::test]
async fn a_panic_with_a_servers_error_shows_no_value_of_a_row() {
    let act = act!(|context| {
        context
            .batch_execute("CREATE TABLE mails (mail text PRIMARY KEY); INSERT INTO mails VALUES ('a@b.c')")
            .await?;
        context.batch_execute("INSERT INTO mails SELECT * FROM mails").await.unwrap();
        crate::rust_code::done()
    });
    let database = database().await;
    let error = ACTS.clone().value(act).run(database.url()).await.unwrap_err().to_string();
    assert!(error.contains("duplicate key value") && !error.contains("a@b.c"), "{error}");
}

/// Secrets of any statement count, since later messages may repeat them.
#[tokio::test]
async fn no_secret_of_any_statement_is_in_a_message() {
    for act in [
        act!(|context| {
            context.batch_execute(ROLE).await?;
            context.batch_execute("DO $$ BEGIN RAISE 'hunter2 is refused'; END $$").await
        }),
        act!(|context| {
            context.batch_execute(ROLE).await?;
            drop(context.batch_execute("DO $$ BEGIN RAISE 'hunter2 is refused'; END $$").await);
            crate::rust_code::done()
        }),
        act!(|context| {
            context.batch_execute(ROLE).await?;
            let rows = context.query("SELECT 1", &[]).await?;
            assert!(rows.is_empty(), "hunter2 is refused");
            crate::rust_code::done()
        }),
    ] {
        let database = database().await;
        let error = ACTS.clone().value(act).run(database.url()).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("… is refused") && !shown.contains("hunter2"), "{shown}");
    }
}

const ROLE: &str = "CREATE ROLE no_login PASSWORD 'hunter2'";

#[tokio::test]
async fn an_error_that_the_code_ignores_is_named_at_the_end() {
    let act = act!(|context| {
        drop(context.batch_execute("SELECT 1 / 0").await);
        crate::rust_code::done()
    });
    refused(act, "one of its statements had failed: division by zero").await;
}

#[tokio::test]
async fn what_a_migration_can_not_answer_is_not_sent() {
    refused(act!(|context| { context.batch_execute("COPY effects FROM STDIN").await }), "COPY FROM STDIN")
        .await;
    refused(
        act!(|context| { context.batch_execute("PREPARE TRANSACTION 'x'").await }),
        "PREPARE TRANSACTION",
    )
    .await;
}

#[tokio::test]
async fn a_column_of_a_type_that_is_not_built_in_is_named() {
    let act = act!(|context| {
        context.batch_execute("CREATE TYPE mood AS ENUM ('glad')").await?;
        let row = context.query_one("SELECT $1::text::mood::text AS told", &[(&"glad", Type::TEXT)]).await?;
        assert_eq!(row.get::<_, &str>(0), "glad");
        context.query("SELECT 'glad'::mood AS felt", &[]).await.map(drop)
    });
    refused(act, "the column felt has the type mood, which is not built in: cast it, as in `felt::text`")
        .await;
}

#[tokio::test]
async fn rows_are_counted() {
    let act = act!(|context| {
        assert!(context.query_opt("SELECT 1 WHERE false", &[]).await?.is_none());
        assert_eq!(
            context.execute("INSERT INTO effects SELECT 'x' FROM generate_series(1, 3)", &[]).await?,
            3
        );
        assert!(matches!(
            context.query_one("SELECT 1 WHERE false", &[]).await,
            Err(StatementError::RowCount { rows: 0, .. })
        ));
        let several = context.query_opt("SELECT generate_series(1, 2)", &[]).await.unwrap_err();
        assert_eq!(several.to_string(), "the query returned 2 rows; expected at most one");
        context.query_one("SELECT generate_series(1, 2)", &[]).await.map(drop)
    });
    refused(act, "the query returned 2 rows; expected one").await;
}

#[tokio::test]
async fn the_context_has_the_settings_and_the_migration() {
    let act = act!(|context| {
        let timeout = context.query_one("SHOW lock_timeout", &[]).await?.get::<_, String>(0);
        assert_eq!((timeout.as_str(), context.lock_timeout().as_secs()), ("7s", 7));
        assert_eq!(context.statement_timeout().as_secs(), 90);
        assert_eq!((context.name(), context.set()), ("0002_act", "default"));
        assert_eq!(context.version().as_written(), "0002");
        assert!(context.value::<u8>().unwrap_err().to_string().contains("of the type u8"));
        context
            .execute("INSERT INTO effects VALUES ($1)", &[(context.value::<String>()?, Type::TEXT)])
            .await?;
        crate::rust_code::done()
    });
    let database = database().await;
    let client = database.connect().await.unwrap();
    let seconds = std::time::Duration::from_secs;
    let migrator = ACTS.clone().value("first".to_owned()).value("second".to_owned()).value(act);
    migrator.lock_timeout(seconds(7)).statement_timeout(seconds(90)).run(database.url()).await.unwrap();
    assert_eq!(effects(&client).await, ["after", "begun", "second"]);
    assert_eq!(texts(&client, "SHOW lock_timeout").await, ["0"]);
}
