//! Code without a transaction: each statement is committed by itself, and the code is called again where it did not come to its end.

use super::{ACTS_ALONE, CODE, act, database, effects, failure, nothing, rows, texts};
use migrate_core::advice::Left;
use migrate_postgres::code::StatementError;

#[tokio::test]
async fn what_it_committed_stays_and_it_is_called_again() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| { context.batch_execute("SELECT 1 / 0").await });
    let failure = failure(ACTS_ALONE.clone().value(act).run(database.url()).await);
    let text = failure.to_string();
    assert_eq!((failure.left, failure.code.as_deref()), (Left::Code, Some("22012")), "{text}");
    assert!(
        text.contains(
            "what the code of 0002_act committed before it stopped stays; the next run runs it again"
        ),
        "{text}"
    );
    assert_eq!(effects(&client).await, ["begun"]);
    assert_eq!(rows(&client).await, ["1 apply done", "2 apply failed"]);
    let report = ACTS_ALONE.clone().value(nothing()).run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 2);
    assert_eq!(effects(&client).await, ["after", "begun", "begun"]);
    assert!(ACTS_ALONE.run(database.url()).await.unwrap().is_noop());
}

#[tokio::test]
async fn it_may_send_whole_transactions_and_none_that_stays_open() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| {
        context.batch_execute("BEGIN; INSERT INTO effects VALUES ('own'); COMMIT").await?;
        for open in ["BEGIN", "BEGIN; SELECT 1", "BEGIN; COMMIT AND CHAIN"] {
            let error = context.batch_execute(open).await.unwrap_err();
            assert!(matches!(error, StatementError::LeavesTransaction { .. }), "{open}: {error}");
        }
        context.batch_execute("SET search_path = pg_catalog").await?;
        // Each statement begins with the session as it was.
        context.batch_execute("INSERT INTO effects VALUES ('path')").await?;
        context.batch_execute("CREATE INDEX CONCURRENTLY i ON effects (migration)").await
    });
    ACTS_ALONE.clone().value(act).run(&client).await.unwrap();
    assert_eq!(effects(&client).await, ["after", "begun", "own", "path"]);
    assert_eq!(
        texts(&client, "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'i'::regclass").await,
        ["true"]
    );
    assert_eq!(texts(&client, "SHOW lock_timeout").await, ["0"]);
}

#[tokio::test]
async fn a_panic_leaves_what_it_committed() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| {
        assert!(context.name().is_empty(), "stop");
        crate::rust_code::done()
    });
    let failure = failure(ACTS_ALONE.clone().value(act).run(database.url()).await);
    assert_eq!(failure.left, Left::Code, "{failure}");
    assert!(failure.to_string().contains("the code panicked: stop"), "{failure}");
    assert_eq!(effects(&client).await, ["begun"]);
}

#[tokio::test]
async fn a_verify_script_that_refutes_it_is_run_again_with_it() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    CODE.clone().up_to("0003").run(database.url()).await.unwrap();
    // An index of that name that is not valid.
    client.batch_execute("CREATE INDEX users_slug ON users (slug)").await.unwrap();
    let spoil = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_slug'::regclass";
    client.batch_execute(spoil).await.unwrap();
    let text = failure(CODE.run(database.url()).await).to_string();
    assert!(text.contains("the verify script failed"), "{text}");
    client.batch_execute("DROP INDEX users_slug").await.unwrap();
    assert_eq!(CODE.run(database.url()).await.unwrap().steps.len(), 1);
}
