//! `Migrator::facts`: what lint needs to know of a database, as a file.

use migrate_core::sql::facts::{Facts, ObjectName};
use migrate_postgres::Migrator;
use migrate_postgres::lint::{LintOptions, Risk, lint};
use migrate_postgres::testing;
use migrate_tests::sets::{Scripts, set};

const TABLES: &str =
    "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20) NOT NULL, CHECK (name <> 'secret value'));
    CREATE INDEX by_name ON users (name);
    CREATE TABLE logs (at timestamptz, text text) PARTITION BY RANGE (at);
    CREATE TABLE logs_default PARTITION OF logs DEFAULT;
    CREATE TABLE posts (author bigint REFERENCES users);";

fn scripts(last: &str) -> Migrator {
    Migrator::new(set("facts", [Scripts::up(1, TABLES), Scripts::up(2, last)]))
}

#[tokio::test]
async fn facts_are_names_definitions_and_sizes_and_no_data() {
    let database = testing::server().unwrap().database().await.unwrap();
    scripts("SELECT 1;").up_to("1").run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client
        .batch_execute(
            "INSERT INTO users SELECT i, 'ada' || i FROM generate_series(1, 20000) i; ANALYZE users;
             ALTER DATABASE current SET default_transaction_read_only = on"
                .replace("DATABASE current", &format!("DATABASE {}", database.name()))
                .as_str(),
        )
        .await
        .unwrap();
    let facts = scripts("SELECT 1;").facts(database.url()).await.unwrap();
    let text = facts.to_json();
    assert!(!text.contains("ada1"), "{text}");
    let facts = Facts::from_json(&text).unwrap();
    assert_eq!(facts.to_json(), text);
    assert_eq!(facts.positions.get("facts").map(String::as_str), Some("1"));
    let names: Vec<&str> = facts.relations.keys().map(|name| name.name.as_str()).collect();
    assert_eq!(
        names,
        ["by_name", "logs", "logs_default", "posts", "users", "users_pkey"],
        "the tables of the history are not the application's"
    );
    assert!(facts.server_version.is_some() && facts.time_zone.is_some(), "{text}");
    let users = &facts.relations[&ObjectName::new("public", "users")];
    assert_eq!(users.columns.as_ref().unwrap().len(), 2);
    assert_eq!(users.size.unwrap().rows_below, Some(100_000));
    assert!(facts.relations[&ObjectName::new("public", "logs_default")].is_default_partition, "{text}");
    let index = &facts.relations[&ObjectName::new("public", "by_name")];
    assert!(index.table_columns.iter().all(|column| column == "name"), "{text}");
}

#[tokio::test]
async fn lint_knows_production_by_its_facts() {
    let database = testing::server().unwrap().database().await.unwrap();
    scripts("SELECT 1;").up_to("1").run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE made_by_hand (a int NOT NULL); INSERT INTO made_by_hand VALUES (1); ANALYZE made_by_hand").await.unwrap();
    let facts = scripts("SELECT 1;").facts(database.url()).await.unwrap();
    let found = |last: &str, facts: Option<&Facts>| {
        let migrator = scripts(last);
        let options = match facts {
            Some(facts) => LintOptions::new().facts(facts.clone()),
            None => LintOptions::new().since(migrate_postgres::Version::numeric("00001")),
        };
        let judgement = lint(migrator.set(), &options).unwrap();
        judgement
            .findings
            .iter()
            .any(|of| of.rule.id == "primary-key-builds-index" && of.risk >= Risk::Dangerous)
    };
    let key = "ALTER TABLE made_by_hand ADD PRIMARY KEY (a);";
    assert!(found(key, None), "its size is not known");
    assert!(!found(key, Some(&facts)), "it has one row");
}
