//! Assertions: what is true of a database as it is now, checked in read-only transactions.

use migrate_postgres::assertion::SkipReason;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{
    AssertionOutcome, AssertionResult, Assertions, Error, Left, Migrator, Reading, Set, Value,
};
use migrate_tests::proxy::{Proxy, Side};
use migrate_tests::sets::folder_of;
use std::time::Duration;
use tokio_postgres::NoTls;

const ORDERS: (&str, &str) = (
    "0001_orders.up.sql",
    "CREATE TABLE customers (id bigint PRIMARY KEY);
     CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, email text);",
);
const LATER: (&str, &str) = ("0002_later.up.sql", "CREATE TABLE later (id bigint);");

const ORPHANS: &str =
    "SELECT id, email FROM orders WHERE customer NOT IN (SELECT id FROM customers) ORDER BY id;";

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// The same with one assertion.
fn asserting(text: &str) -> Migrator {
    migrator(&[ORDERS, ("assertions/one.sql", text)])
}

async fn insert(database: &Database, sql: &str) {
    database.connect().await.unwrap().batch_execute(sql).await.unwrap();
}

fn only(assertions: &Assertions) -> &AssertionResult {
    assert_eq!(assertions.results.len(), 1, "{assertions:?}");
    &assertions.results[0]
}

async fn outcome(database: &Database, text: &str) -> AssertionOutcome {
    let assertions = asserting(text).assert(database.url()).await.unwrap();
    only(&assertions).outcome.clone()
}

#[tokio::test]
async fn an_assertion_is_true_if_each_statement_returns_no_row_or_a_single_true() {
    let database = database().await;
    asserting("SELECT true;").run(database.url()).await.unwrap();
    for text in
        ["SELECT true", "VALUES (true)", "SELECT 1 WHERE false; SELECT true;", ORPHANS, "TABLE orders"]
    {
        assert_eq!(outcome(&database, text).await, AssertionOutcome::Passed, "{text}");
    }
    for (text, line, column, counted) in [
        ("SELECT false", 1, 1, 1),
        ("SELECT NULL::boolean", 1, 1, 1),
        ("SELECT true, true", 1, 1, 1),
        ("SELECT true;\n  SELECT true FROM generate_series(1, 2);\nSELECT 1", 2, 3, 2),
        ("-- Why.\n\nTABLE pg_am;", 3, 1, 7),
    ] {
        match outcome(&database, text).await {
            AssertionOutcome::Failed { line: found, column: at, rows, .. } => {
                assert_eq!((found, at), (line, column), "{text}");
                assert!(rows == counted || counted == 7 && rows > 5, "{text}: {rows}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_is_no_true_whatever_it_says() {
    let database = database().await;
    asserting("SELECT true").run(database.url()).await.unwrap();
    insert(&database, "CREATE DOMAIN answer AS boolean; CREATE DOMAIN word AS text").await;
    for text in [
        "SELECT true::answer",
        "WITH a AS (SELECT true) SELECT * FROM a",
        "VALUES (true); SELECT 1 WHERE false",
    ] {
        assert_eq!(outcome(&database, text).await, AssertionOutcome::Passed, "{text}");
    }
    for text in ["SELECT 't'", "SELECT 't'::word", "SELECT 't'::\"char\"", "SELECT true;\nVALUES ('t')"] {
        let found = outcome(&database, text).await;
        assert_eq!(found.word(), "error", "{text}");
        assert!(found.to_string().contains("returned a text and not a boolean"), "{found}");
    }
}

#[tokio::test]
async fn a_message_of_a_class_that_is_not_known_is_left_out() {
    let database = database().await;
    asserting("SELECT true").run(database.url()).await.unwrap();
    let raises = "CREATE FUNCTION f() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'ada is here' USING ERRCODE = 'MY001'; END $$";
    insert(&database, raises).await;
    let found = outcome(&database, "SELECT f()").await.to_string();
    assert!(found.contains("SQLSTATE MY001") && !found.contains("ada"), "{found}");
}

/// A run of migrations does without them.
#[tokio::test]
async fn a_faulty_assertion_or_seed_beside_the_folder_keeps_no_run_from_its_migrations() {
    let database = database().await;
    let folder = folder_of(&[
        ("migrations/0001_a.sql", "CREATE TABLE a ();"),
        ("assertions/update.sql", "UPDATE a SET b = 1;"),
        ("seed.sql", "BEGIN;\nCOMMIT;"),
    ]);
    let read = || Migrator::new(Set::from_folder(folder.path().join("migrations")).unwrap());
    assert_eq!(read().run(database.url()).await.unwrap().steps.len(), 1);
    for error in [
        read().assert(database.url()).await.unwrap_err(),
        read().assert_after(true).run(database.url()).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::UnusableCompanions(of) if of.problems.len() == 1), "{error}");
        assert!(
            error.to_string().contains("\nassertions/update.sql:1:1: `UPDATE a SET b = 1` is not a query"),
            "{error}"
        );
    }
    let error = read().seed(database.url()).await.unwrap_err();
    assert!(matches!(&error, Error::UnusableCompanions(_)), "{error}");
    // Nor does one that can't be read: a folder with the name of a script.
    std::fs::create_dir_all(folder.path().join("seeds")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("seeds/a.sql")).unwrap();
    assert!(read().run(database.url()).await.unwrap().is_noop());
    let text = read().seed(database.url()).await.unwrap_err().to_string();
    assert!(text.contains("seeds/:1:1: it can't be read: "), "{text}");
}

#[tokio::test]
async fn no_value_of_a_row_is_in_a_result_except_those_of_the_key() {
    let database = database().await;
    asserting("SELECT true").run(database.url()).await.unwrap();
    insert(
        &database,
        "INSERT INTO orders SELECT n, 9, 'secret' || n FROM generate_series(1, 7) n; CREATE FUNCTION f() RETURNS int \
         LANGUAGE plpgsql AS $$ BEGIN RAISE 'secret1 is here'; END $$",
    )
    .await;
    let keyed = format!("-- migrate: key=id\n{ORPHANS}");
    let found = outcome(&database, &keyed).await.to_string();
    assert_eq!(
        found,
        "returned 7 rows (id, email); expected no row or a single true: id 1, id 2, id 3, id 4, id 5, …"
    );
    for text in
        [ORPHANS, "SELECT email::int FROM orders", "SELECT f()", "SELECT 1 / (length(email) - 7) FROM orders"]
    {
        let assertions = asserting(text).assert(database.url()).await.unwrap();
        assert!(!assertions.hold());
        let shown = format!("{assertions} {assertions:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    match outcome(&database, "SELECT email::int FROM orders").await {
        AssertionOutcome::Error { sqlstate, .. } => assert_eq!(sqlstate.as_deref(), Some("22P02")),
        other => panic!("{other:?}"),
    }
    // A key that the query does not return is named.
    let lacking = outcome(&database, &format!("-- migrate: key=number\n{ORPHANS}")).await.to_string();
    assert!(lacking.contains("without the column number") && lacking.contains("id, email"), "{lacking}");
}

#[tokio::test]
async fn an_assertion_writes_nothing_and_one_that_fails_does_not_end_the_others() {
    let database = database().await;
    let migrator = migrator(&[
        ORDERS,
        ("assertions/a_writes.sql", "SELECT true FROM made();"),
        ("assertions/b_unknown.sql", "SELECT true;\nSELECT nothing FROM orders;"),
        ("assertions/c_true.sql", "SELECT true;"),
    ]);
    migrator.run(database.url()).await.unwrap();
    insert(
        &database,
        "CREATE FUNCTION made() RETURNS SETOF int LANGUAGE sql AS 'INSERT INTO customers VALUES (1) RETURNING 1'",
    )
    .await;
    let assertions = migrator.assert(database.url()).await.unwrap();
    let codes: Vec<_> = assertions
        .results
        .iter()
        .map(|result| (result.outcome.word(), result.outcome.place(), result.outcome.to_string()))
        .collect();
    assert_eq!(codes[0].0, "error");
    assert!(codes[0].2.ends_with("(SQLSTATE 25006)"), "{codes:?}");
    assert_eq!((codes[1].0, codes[1].1), ("error", Some((2, 8))));
    assert_eq!(codes[2].0, "passed");
    assert_eq!(assertions.summary(), "1 assertion holds, 2 do not");
    let client = database.connect().await.unwrap();
    assert!(client.query("SELECT FROM customers", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_assertion_ends_at_its_own_time_limit() {
    let database = database().await;
    let slow = "-- migrate: statement_timeout=50ms\nSELECT true;\nSELECT true FROM pg_sleep(60);";
    asserting(slow).run(database.url()).await.unwrap();
    let found = outcome(&database, slow).await;
    match found {
        AssertionOutcome::TimedOut { line, limit, .. } => {
            assert_eq!((line, limit), (3, Duration::from_millis(50)));
        }
        other => panic!("{other:?}"),
    }
    // The migrator's limit applies to one without its own.
    let limited = asserting("SELECT true FROM pg_sleep(60)").statement_timeout(Duration::from_millis(40));
    let assertions = limited.assert(database.url()).await.unwrap();
    match only(&assertions).outcome {
        AssertionOutcome::TimedOut { line, limit, .. } => {
            assert_eq!((line, limit), (1, Duration::from_millis(40)));
        }
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_assertion_is_checked_since_one_version_and_until_another() {
    let database = database().await;
    let both = [
        ORDERS,
        LATER,
        ("0005_all.up.sql", "-- migrate: replaces=0003..0004\nSELECT 1;"),
        ("assertions/new.sql", "-- migrate: since=0002\nSELECT count(*) = 0 FROM later;"),
        ("assertions/old.sql", "-- migrate: until=2\nSELECT to_regclass('later') IS NULL;"),
        ("assertions/replaced.sql", "-- migrate: since=0003\nSELECT true;"),
    ];
    let migrator = migrator(&both);
    let words = async || -> Vec<&'static str> {
        let assertions = migrator.assert(database.url()).await.unwrap();
        assertions.results.iter().map(|result| result.outcome.word()).collect()
    };
    assert_eq!(words().await, ["skipped", "passed", "skipped"]);
    migrator.to(database.url(), "0001").await.unwrap();
    assert_eq!(words().await, ["skipped", "passed", "skipped"]);
    migrator.to(database.url(), "0002").await.unwrap();
    assert_eq!(words().await, ["passed", "skipped", "skipped"]);
    migrator.run(database.url()).await.unwrap();
    assert_eq!(words().await, ["passed", "skipped", "passed"]);
    let assertions = migrator.assert(database.url()).await.unwrap();
    match &assertions.results[1].outcome {
        AssertionOutcome::Skipped { reason: SkipReason::NoLonger { version }, .. } => {
            assert_eq!(version, "2");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(assertions.summary(), "2 assertions hold, 1 was skipped");
}

#[tokio::test]
async fn assertions_after_a_run_are_asked_for_and_a_run_with_nothing_to_do_checks_none() {
    let database = database().await;
    let plain = asserting("SELECT count(*) > 0 FROM orders;");
    assert_eq!(plain.run(database.url()).await.unwrap().steps.len(), 1);
    plain.down(database.url(), 1).await.unwrap_err();
    let fresh = self::database().await;
    let migrator = plain.assert_after(true);
    match migrator.run(fresh.url()).await.unwrap_err() {
        Error::BrokenAssertions(broken) => {
            assert_eq!(broken.report.steps.len(), 1);
            assert_eq!(broken.assertions.broken().count(), 1);
            let error = Error::BrokenAssertions(broken);
            assert_eq!(error.left(), Left::Steps { done: 1 });
            assert_eq!(error.report().unwrap().steps.len(), 1);
            let text = error.to_string();
            assert!(text.contains("one failed at assertions/one.sql:1:1: returned 1 row"), "{text}");
        }
        other => panic!("{other}"),
    }
    // What the run did stays, and the next one has nothing to do.
    assert!(migrator.run(fresh.url()).await.unwrap().is_noop());
}

#[tokio::test]
async fn a_boot_with_nothing_to_do_asks_one_query_beside_assertions_and_seeds() {
    let database = database().await;
    let migrator =
        migrator(&[ORDERS, ("assertions/one.sql", "SELECT false;"), ("seeds/one.sql", "SELECT 1;")]);
    let migrator = migrator.assert_after(true);
    migrator.run(database.url()).await.unwrap_err();
    let proxy = Proxy::start(&database.config()).await;
    let (client, connection) = proxy.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    proxy.forget();
    assert!(migrator.run(&client).await.unwrap().is_noop());
    assert_eq!(proxy.connections()[0].tags(Side::Client), "Q");
}

#[tokio::test]
async fn a_set_without_assertions_opens_no_connection() {
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing";
    assert!(migrator(&[ORDERS]).assert(nowhere).await.unwrap().results.is_empty());
    assert!(matches!(asserting("SELECT true").assert(nowhere).await, Err(Error::Connect { .. })));
}

#[tokio::test]
async fn a_client_in_a_transaction_of_its_owner_keeps_it() {
    let database = database().await;
    let migrator = asserting("SELECT true");
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO customers VALUES (1)").await.unwrap();
    assert!(matches!(migrator.assert(&client).await, Err(Error::InTransaction)));
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(client.query("SELECT FROM customers", &[]).await.unwrap().len(), 1);
    assert!(migrator.assert(&client).await.unwrap().hold());
}

#[tokio::test]
async fn an_assertion_has_the_values_of_placeholders_and_names_the_file_as_written() {
    let database = database().await;
    let folder =
        folder_of(&[ORDERS, ("assertions/one.sql", "SELECT true;\nSELECT 1 FROM ${table} WHERE nothing;")]);
    let reading = Reading::default().placeholders(["table"]);
    let set = Set::from_folder_as(folder.path(), &reading).unwrap();
    let migrator = Migrator::new(set);
    assert!(matches!(migrator.assert(database.url()).await, Err(Error::Placeholder(_))));
    let migrator = migrator.placeholder("table", Value::Identifier("a_table_with_a_long_name"));
    insert(&database, "CREATE TABLE a_table_with_a_long_name ()").await;
    let assertions = migrator.assert(database.url()).await.unwrap();
    assert_eq!(only(&assertions).outcome.place(), Some((2, 30)), "{assertions}");
}

#[tokio::test]
async fn the_page_shows_the_assertions() {
    use migrate_postgres::report::ReportOptions;
    let database = database().await;
    let migrator = migrator(&[
        ORDERS,
        ("assertions/a_true.sql", "SELECT true;"),
        ("assertions/b_<b>.sql", "-- migrate: key=id\nSELECT 7 AS id, 'secret' AS email;"),
    ]);
    migrator.run(database.url()).await.unwrap();
    let report = migrator.database_report(database.url(), &ReportOptions::new()).await.unwrap();
    assert_eq!(report.assertions.broken().count(), 1);
    let page = report.to_html();
    assert!(page.contains("1 assertion holds, 1 does not") && page.contains("id 7"), "{page}");
    assert!(page.contains("b_&lt;b&gt;") && !page.contains("secret"));
}

#[tokio::test]
async fn a_test_of_all_migrations_checks_the_assertions_at_the_end() {
    use migrate_postgres::testing::RoundTrip;
    let database = database().await;
    let files = [
        ("0001_a.up.sql", "CREATE TABLE a (id bigint);"),
        ("0001_a.down.sql", "DROP TABLE a;"),
        ("assertions/a.sql", "SELECT id FROM a WHERE name IS NULL;"),
    ];
    let tried = RoundTrip::of(migrator(&files)).check(database.url()).await.unwrap();
    assert!(!tried.is_reversible());
    let text = tried.to_string();
    assert!(text.contains("a error at assertions/a.sql:1:24: column \"name\" does not exist"), "{text}");
}

/// The macro embeds the texts; the paths say where they are.
#[tokio::test]
async fn assertions_and_seeds_are_embedded_with_the_migrations_that_they_stand_beside() {
    static EMBEDDED: Migrator = migrate_postgres::migrate!("fixtures/companions/migrations");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/companions/migrations");
    let read = Set::from_folder(folder).unwrap();
    for set in [EMBEDDED.set(), &read] {
        let assertions: Vec<String> =
            set.assertions().map(|assertion| assertion.script().path().to_owned()).collect();
        assert_eq!(assertions, ["assertions/words_are_lower_case.sql"]);
        let seeds: Vec<String> = set.seeds().map(|seed| seed.name().to_owned()).collect();
        assert_eq!(seeds, ["words.sql", "development/more.sql"]);
    }
    let database = database().await;
    EMBEDDED.run(database.url()).await.unwrap();
    assert_eq!(EMBEDDED.seed(database.url()).await.unwrap().ran(), 1);
    assert!(EMBEDDED.assert(database.url()).await.unwrap().hold());
    EMBEDDED.clone().environment("development").seed(database.url()).await.unwrap();
    let assertions = EMBEDDED.assert(database.url()).await.unwrap();
    assert_eq!(
        assertions.to_string(),
        "words_are_lower_case failed at assertions/words_are_lower_case.sql:2:1: returned 1 row (word); expected no row or a single true: word Three\n0 assertions hold, 1 does not"
    );
}
