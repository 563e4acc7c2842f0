//! Settings in `migrate!` hold for every call, and at the server.

use migrate_postgres::drift::Comparison;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator, Refused, Set, migrate};
use migrate_tests::sets::folder_of;

/// A set with every setting, each one other than the default.
static CHOSEN: Migrator = migrate!(
    "../migrate-postgres/tests/fixtures/settings",
    history_schema = "ops",
    history_table = "set_history",
    program = "shop 7",
    lock_timeout = "350ms",
    statement_timeout = "77s",
    allow_out_of_order = true,
    allow_missing = true,
    allow_ahead = false,
    ignore_foreign_history = true,
);

/// The same set without limits, and with the default policies.
static UNLIMITED: Migrator = migrate!(
    "../migrate-postgres/tests/fixtures/settings",
    history_schema = "ops",
    history_table = "set_history",
    lock_timeout = "off",
    statement_timeout = "off",
);

/// The files of the set.
const FILES: [(&str, &str); 3] = [
    ("0001_users.sql", include_str!("../../migrate-postgres/tests/fixtures/settings/0001_users.sql")),
    ("0005_settings.sql", include_str!("../../migrate-postgres/tests/fixtures/settings/0005_settings.sql")),
    ("0010_posts.sql", include_str!("../../migrate-postgres/tests/fixtures/settings/0010_posts.sql")),
];

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

/// Another release of the set, which has applied its migrations.
async fn released(files: &[(&str, &str)]) -> Database {
    let database = database().await;
    let set = Set::from_folder(folder_of(files).path()).unwrap();
    let migrator = Migrator::new(set).history_schema("ops").history_table("set_history");
    migrator.run(database.url()).await.unwrap();
    database
}

/// The timeouts that the script of the set saw.
async fn timeouts(database: &Database) -> (String, String) {
    let client = database.connect().await.unwrap();
    let row = client.query_one("SELECT lock_timeout, statement_timeout FROM settings", &[]).await.unwrap();
    (row.get(0), row.get(1))
}

fn of(lock: &str, statement: &str) -> (String, String) {
    (lock.to_owned(), statement.to_owned())
}

#[tokio::test]
async fn timeouts_in_the_macro_hold_at_the_server() {
    let database = database().await;
    CHOSEN.run(database.url()).await.unwrap();
    assert_eq!(timeouts(&database).await, of("350ms", "77s"));
    // Later settings outrank those of the macro.
    let database = self::database().await;
    let migrator = CHOSEN.clone().lock_timeout(None).history_schema("public").program("shop 8");
    migrator.run(database.url()).await.unwrap();
    assert_eq!(timeouts(&database).await, of("0", "77s"));
    assert_eq!(migrator.history(database.url()).await.unwrap()[0].program, "shop 8");
    assert!(database.connect().await.unwrap().query("SELECT FROM public.set_history", &[]).await.is_ok());
}

/// A limit of the database is not the run's.
#[tokio::test]
async fn a_timeout_that_the_macro_turns_off_is_off_at_the_server() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let limit = format!("ALTER DATABASE {} SET lock_timeout = '33s'", database.name());
    client.batch_execute(&limit).await.unwrap();
    UNLIMITED.run(database.url()).await.unwrap();
    assert_eq!(timeouts(&database).await, of("0", "0"));
}

#[tokio::test]
async fn policies_in_the_macro_decide_on_a_run() {
    let [first, second, third] = FILES;
    let behind = released(&[first, third]).await;
    let error = UNLIMITED.run(behind.url()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::OutOfOrder { .. })), "{error}");
    assert_eq!(CHOSEN.run(behind.url()).await.unwrap().steps.len(), 1);

    let extra = ("0007_extra.sql", "CREATE TABLE extra ();");
    let removed = released(&[first, second, extra, third]).await;
    let error = UNLIMITED.run(removed.url()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::Missing { .. })), "{error}");
    assert!(CHOSEN.run(removed.url()).await.unwrap().is_noop());

    let later = ("0099_later.sql", "CREATE TABLE later ();");
    let ahead = released(&[first, second, third, later]).await;
    assert!(UNLIMITED.run(ahead.url()).await.unwrap().is_noop());
    let error = CHOSEN.run(ahead.url()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::Ahead { .. })), "{error}");
}

#[tokio::test]
async fn another_tools_history_is_ignored_if_the_macro_says_so() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let table = "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
                 INSERT INTO schema_migrations VALUES (10, false)";
    client.batch_execute(table).await.unwrap();
    let error = UNLIMITED.run(database.url()).await.unwrap_err();
    assert!(matches!(&error, Error::ForeignHistory { .. }), "{error}");
    assert_eq!(CHOSEN.run(database.url()).await.unwrap().steps.len(), 3);
}

#[tokio::test]
async fn every_call_finds_the_history_where_the_macro_puts_it() {
    let database = database().await;
    let url = database.url();
    assert_eq!(CHOSEN.run(url).await.unwrap().steps.len(), 3);
    assert!(CHOSEN.run(url).await.unwrap().is_noop());
    assert!(CHOSEN.position(url).await.unwrap().is_up_to_date());
    assert_eq!(CHOSEN.status(url).await.unwrap().pending().count(), 0);
    assert!(CHOSEN.plan(url).await.unwrap().steps.is_empty());
    assert!(CHOSEN.explain(url).await.unwrap().steps.is_empty());
    CHOSEN.verify(url).await.unwrap();
    assert_eq!(CHOSEN.history(url).await.unwrap()[0].program, "shop 7");
    assert!(CHOSEN.drift(url, &Comparison::new()).await.unwrap().is_none());
    assert_eq!(CHOSEN.preflight(url).await.unwrap().pending, Some(0));
    let client = database.connect().await.unwrap();
    let rows = client.query("SELECT FROM ops.set_history", &[]).await.unwrap();
    assert_eq!(rows.len(), 3);
    let others = "SELECT FROM pg_class WHERE relname LIKE '%history' AND relnamespace <> 'ops'::regnamespace";
    assert!(client.query(others, &[]).await.unwrap().is_empty());
}
