//! `#[migrate_postgres::test]`: the tests of this file use it, and the processes that run them check how they
//! end.

use crate::process::{Temp, part, say};
use migrate_postgres::testing::Database;
use migrate_postgres::{Migrator, migrate};
use tokio_postgres::{Client, Config, NoTls};

static SET: Migrator = migrate!("fixtures/flat");

async fn migrations(client: &Client) -> usize {
    client.query("SELECT FROM migrate_history", &[]).await.unwrap().len()
}

#[migrate_postgres::test(migrations = "fixtures/flat")]
async fn a_test_is_given_a_client(client: Client) {
    assert_eq!(migrations(&client).await, SET.set().len());
}

#[migrate_postgres::test(set = SET)]
async fn a_test_is_given_a_config_and_a_url(config: Config, url: String) {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(migrations(&client).await, SET.set().len());
    assert!(SET.run(&url).await.unwrap().steps.is_empty());
}

#[migrate_postgres::test(set = crate::attribute::SET)]
async fn a_test_is_given_a_pool(pool: deadpool_postgres::Pool) {
    assert_eq!(migrations(&pool.get().await.unwrap()).await, SET.set().len());
    assert!(SET.run(&pool).await.unwrap().steps.is_empty());
}

#[migrate_postgres::test(set = SET)]
async fn a_test_is_given_the_database_beside_a_client(database: &Database, client: Client) {
    let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    assert_eq!(name, database.name());
}

#[migrate_postgres::test(set = SET)]
async fn a_test_may_return_a_result(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    client.batch_execute("INSERT INTO users (email) VALUES ('ada@example.org')").await?;
    Ok(())
}

#[migrate_postgres::test(set = SET)]
#[should_panic(expected = "as it is to")]
async fn a_test_may_be_one_that_panics(_client: Client) {
    panic!("as it is to");
}

#[migrate_postgres::test(set = SET, schema)]
async fn a_test_is_given_a_schema(database: &Database, client: Client) {
    let schema: String = client.query_one("SELECT current_schema()::text", &[]).await.unwrap().get(0);
    assert_eq!(Some(schema.as_str()), database.schema());
    assert_eq!(migrations(&client).await, SET.set().len());
}

/// A set whose history has a schema and a name of its own.
static OPS: Migrator = migrate!("fixtures/flat", history_schema = "ops", history_table = "flat_history");

#[migrate_postgres::test(set = OPS)]
async fn a_test_has_the_history_where_the_macro_puts_it(client: Client, url: String) {
    assert_eq!(client.query("SELECT FROM ops.flat_history", &[]).await.unwrap().len(), OPS.set().len());
    assert!(OPS.run(&url).await.unwrap().steps.is_empty());
}

#[migrate_postgres::test(set = OPS, schema)]
async fn a_test_in_a_schema_has_the_history_of_the_macro_there(database: &Database, client: Client) {
    let schema = database.schema().unwrap();
    let rows = client.query(&format!("SELECT FROM {schema}.flat_history"), &[]).await.unwrap();
    assert_eq!(rows.len(), OPS.set().len());
    assert!(client.query("SELECT FROM ops.flat_history", &[]).await.is_err(), "the schema is shared");
}

/// Not a test, but another process's part in the tests.
#[migrate_postgres::test(set = SET)]
async fn a_test_that_does_as_it_is_told(database: &Database, client: Client) -> Result<(), String> {
    let Some(part) = part() else { return Ok(()) };
    say("database", database.name());
    let sql = "SELECT datname::text FROM pg_database WHERE datname LIKE 'migrate_clone_%' AND datname <> current_database()";
    let others: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    say("others", &others.join(","));
    match part.as_str() {
        "panic" => panic!("as it was told to"),
        "error" => Err("as it was told to".to_owned()),
        _ => Ok(()),
    }
}

const TOLD: &str = "attribute::a_test_that_does_as_it_is_told";

#[test]
fn a_database_is_gone_after_a_test_that_passed() {
    let temp = Temp::new();
    let first = temp.run(TOLD, "pass");
    assert!(first.status.success() && !first.text.contains("is kept"), "{}", first.text);
    assert_eq!(temp.run(TOLD, "pass").said["others"], "");
}

#[test]
fn a_database_is_kept_after_an_error_and_after_a_panic_until_the_test_runs_again() {
    for part in ["error", "panic"] {
        let temp = Temp::new();
        let failed = temp.run(TOLD, part);
        assert!(!failed.status.success());
        let (_, url) = failed.text.split_once("the test's database is kept: ").unwrap();
        let url = url.split_whitespace().next().unwrap();
        assert!(url.ends_with(&failed.said["database"]), "{url}");
        assert_eq!(temp.run(TOLD, "pass").said["others"], "");
    }
}

#[test]
fn a_database_is_gone_after_a_panic_that_was_to_be() {
    let temp = Temp::new();
    let ended = temp.run("attribute::a_test_may_be_one_that_panics", "");
    assert!(ended.status.success() && !ended.text.contains("is kept"), "{}", ended.text);
    assert_eq!(temp.run(TOLD, "pass").said["others"], "");
}

/// Not a test, but another process's part in the tests.
#[migrate_postgres::test(set = SET, schema)]
async fn a_schema_test_that_does_as_it_is_told(database: &Database, client: Client) {
    let Some(part) = part() else { return };
    say("schema", database.schema().unwrap());
    let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'test\\_%' AND nspname <> current_schema()";
    let others: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    say("others", &others.join(","));
    assert_eq!(part, "pass", "as it was told to");
}

#[test]
fn a_schema_is_kept_after_a_failure_until_the_test_runs_again() {
    const TOLD: &str = "attribute::a_schema_test_that_does_as_it_is_told";
    let temp = Temp::new();
    let failed = temp.run(TOLD, "fail");
    let (_, url) = failed.text.split_once("the test's database is kept: ").unwrap();
    let url = url.split_whitespace().next().unwrap();
    let schema = &failed.said["schema"];
    assert!(url.ends_with(&format!("options=-c%20search_path%3D{schema}")), "{url}");

    temp.run("attribute::a_test_is_given_a_schema", "");
    let passed = temp.run(TOLD, "pass");
    assert_eq!(passed.said["others"], "", "{}", passed.text);
    assert!(!temp.run(TOLD, "pass").said["others"].contains(&passed.said["schema"]));
}

#[migrate_postgres::test(migrations = "fixtures/companions/migrations", seeds = true)]
async fn a_test_has_the_seeds_that_it_asks_for(client: tokio_postgres::Client) {
    let rows = client.query("SELECT word FROM words ORDER BY word", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
}

#[migrate_postgres::test(migrations = "fixtures/companions/migrations", seeds = "development", schema)]
async fn a_schema_of_a_test_has_the_seeds_of_its_environment(client: tokio_postgres::Client) {
    let rows = client.query("SELECT word FROM words ORDER BY word", &[]).await.unwrap();
    assert_eq!(rows.len(), 3);
}

#[migrate_postgres::test(migrations = "fixtures/companions/migrations")]
async fn a_test_that_asks_for_no_seeds_has_none(client: tokio_postgres::Client) {
    assert!(client.query("SELECT FROM words", &[]).await.unwrap().is_empty());
}
