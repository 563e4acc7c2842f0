//! Migrations in Rust: their transaction and their row, what their code may send, and what they leave when it fails.

mod alone;
mod folders;
mod operated;
mod registered;
mod sent;
mod stopped;

use migrate_postgres::code::CodeFunction;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Failure, Migrator, migrate};
use tokio_postgres::Client;

/// The action of the code of the fixture `acts`, which the test passes in.
#[derive(Clone, Copy)]
pub(crate) struct Act(pub(crate) CodeFunction);

/// Scripts around code, all of it in transactions but an index.
pub(crate) static CODE: Migrator = migrate!("fixtures/code");

/// Code in a transaction that acts as the test says.
static ACTS: Migrator = migrate!("fixtures/acts");

/// The same without a transaction.
static ACTS_ALONE: Migrator = migrate!("fixtures/acts_alone");

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

/// An act from the body of an `async fn up`.
macro_rules! act {
    (|$context:ident| $body:block) => {{
        fn act<'c>(
            $context: &'c mut migrate_postgres::code::Context<'_>,
        ) -> migrate_postgres::code::CodeFuture<'c> {
            migrate_postgres::code::boxed(async move { $body })
        }
        crate::rust_code::Act(act)
    }};
}
pub(crate) use act;

/// The result of an act that has nothing to say.
pub(crate) fn done() -> migrate_postgres::code::Result {
    Ok(())
}

fn nothing() -> Act {
    act!(|context| {
        let _ = context;
        crate::rust_code::done()
    })
}

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn effects(client: &Client) -> Vec<String> {
    texts(client, "SELECT migration FROM effects ORDER BY 1").await
}

/// Version, action and outcome of each row of the history.
async fn rows(client: &Client) -> Vec<String> {
    let sql = "SELECT version || ' ' || action || ' ' || outcome FROM migrate_history ORDER BY seq";
    texts(client, sql).await
}

#[track_caller]
fn failure<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Box<Failure> {
    match outcome.unwrap_err() {
        Error::Failed(failure) => failure,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn code_runs_between_scripts_in_their_order_and_back() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let report = CODE.run(database.url()).await.unwrap();
    let names: Vec<&str> = report.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["0001_users", "0002_slugs", "0003_required", "0004_index"]);
    let slugs = "SELECT slug FROM users ORDER BY id";
    assert_eq!(texts(&client, slugs).await, ["ada-lovelace", "grace-hopper", "o-brien"]);
    assert!(CODE.run(database.url()).await.unwrap().is_noop());
    assert_eq!(rows(&client).await, ["1 apply done", "2 apply done", "3 apply done", "4 apply done"]);
    let checksum = "SELECT checksum FROM migrate_history WHERE up_sql IS NULL";
    assert!(texts(&client, checksum).await.iter().all(|checksum| checksum.starts_with("rust-sha256:")));
    assert_eq!(texts(&client, checksum).await.len(), 2);

    CODE.to(database.url(), "0001").await.unwrap();
    assert_eq!(texts(&client, "SELECT count(slug)::text FROM users").await, ["0"]);
    assert_eq!(CODE.run(database.url()).await.unwrap().steps.len(), 3);
    assert_eq!(texts(&client, slugs).await.len(), 3);
}

#[tokio::test]
async fn the_row_of_the_history_is_committed_with_the_code_and_with_nothing_else() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    // The xmin of the row is the transaction that wrote the effect.
    // Over a client, no other transaction adds the number of messages to the row.
    ACTS.clone().value(nothing()).run(&client).await.unwrap();
    let same = "SELECT (h.xmin = e.xmin)::text FROM migrate_history h, effects e WHERE h.version = '2' AND e.migration = 'begun'";
    assert_eq!(texts(&client, same).await, ["true"]);
    assert_eq!(effects(&client).await, ["after", "begun"]);
}

#[tokio::test]
async fn code_runs_over_every_target() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let report = CODE.run(&client).await.unwrap();
    assert_eq!(report.steps.len(), 4);
    assert!(CODE.run(&client).await.unwrap().is_noop());
    let (wanted, set) = (texts(&client, "SHOW search_path").await, "SET search_path = pg_catalog");
    let act = act!(|context| {
        context.batch_execute("SET search_path = pg_catalog; SET lock_timeout = '1ms'").await
    });
    let other = database_with(&ACTS, act).await;
    assert_eq!(texts(&other.1, "SHOW search_path").await, wanted, "{set} is undone behind the code");
}

/// A database on which a set was run over a client.
async fn database_with(migrator: &Migrator, act: Act) -> (Database, Client) {
    let database = database().await;
    let client = database.connect().await.unwrap();
    migrator.clone().value(act).run(&client).await.unwrap();
    (database, client)
}
