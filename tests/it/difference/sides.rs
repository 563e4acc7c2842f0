//! The two sides of a difference: migrations, a database, plain SQL, or nothing.

use migrate_postgres::drift::{Comparison, ScratchError};
use migrate_postgres::sides::{Side, SideComparison};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator, Set};
use migrate_tests::sets::{Scripts, folder_of, set};
use std::process::Command;

pub(super) async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

pub(super) async fn run(database: &Database, sql: &str) {
    database.connect().await.unwrap().batch_execute(sql).await.unwrap();
}

/// Two migrations: a table with rows, and an index.
pub(super) fn users() -> Set {
    let ups = [
        "CREATE TABLE users (id bigint PRIMARY KEY, name text);",
        "CREATE INDEX CONCURRENTLY by_name ON users (name);",
    ];
    set("app", ups.iter().enumerate().map(|(index, up)| Scripts::up(index + 1, *up)))
}

/// The same schema, as a person would write it.
const USERS: &str = "CREATE TABLE users (\n  id bigint PRIMARY KEY,\n  name text\n);\nCREATE INDEX by_name ON users (name);\n";

async fn compared(database: &Database, from: &Side, to: &Side) -> SideComparison {
    let migrator = Migrator::new(users());
    migrator.compare_sides(database.url(), from, to, &Comparison::new()).await.unwrap()
}

fn scratch_error<T: std::fmt::Debug>(result: Result<T, Error>) -> ScratchError {
    match result {
        Err(Error::Scratch(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn migrations_and_plain_sql_that_make_the_same_schema_do_not_differ() {
    let database = database().await;
    let (folder, file) = (Side::migrations(&users()), Side::sql("schema.sql", USERS).unwrap());
    assert_eq!(compared(&database, &folder, &file).await.differences.to_string(), "");
    let first = Side::migrations_up_to(&users(), "1").unwrap();
    let differences = compared(&database, &first, &file).await.differences.to_string();
    assert!(differences.starts_with("index public.by_name: added"), "{differences}");
    let differences = compared(&database, &file, &Side::empty()).await.differences.to_string();
    assert!(differences.contains("table public.users: removed"), "{differences}");
    let unknown = Side::migrations_up_to(&users(), "7").unwrap_err();
    assert!(matches!(unknown, Error::Refused(_)), "{unknown}");
}

/// An expression over a `varchar` is printed in another way after it was restored.
#[tokio::test]
async fn definitions_that_a_server_prints_in_two_ways_are_no_difference_between_sides() {
    let database = database().await;
    let table = "CREATE TABLE t (status varchar CHECK (status IN ('a', 'b')));";
    let printed = "CREATE TABLE t (status varchar CONSTRAINT t_status_check \
        CHECK (((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))));";
    let [written, printed] = [table, printed].map(|text| Side::sql("schema.sql", text).unwrap());
    assert_eq!(compared(&database, &written, &printed).await.differences.to_string(), "");
    run(&database, table).await;
    let live = Side::database(database.url()).unwrap();
    assert_eq!(compared(&database, &printed, &live).await.differences.to_string(), "");
    assert_eq!(compared(&database, &live, &printed).await.differences.to_string(), "");
}

#[tokio::test]
async fn plain_sql_that_fails_is_named_with_its_file_line_and_column() {
    let database = database().await;
    let wished =
        Side::sql("db/schema.sql", "CREATE TABLE a (id int);\n\nCREATE TABLE b (\n  id nope\n);").unwrap();
    let migrator = Migrator::new(users());
    let compared = migrator.compare_sides(database.url(), &Side::empty(), &wished, &Comparison::new()).await;
    let error = scratch_error(compared).to_string();
    assert_eq!(
        error,
        "db/schema.sql:4:6: type \"nope\" does not exist (SQLSTATE 42704); nothing was changed\n\
         next: correct the file, so that its statements run in an empty database"
    );
}

/// Files are run in the order of their paths, and names are seldom chosen for that.
#[tokio::test]
async fn files_of_a_folder_may_need_each_other() {
    let database = database().await;
    let folder = folder_of(&[
        ("tables/a_posts.sql", "CREATE TABLE posts (author bigint REFERENCES users);"),
        ("tables/users.sql", "CREATE TABLE users (id bigint PRIMARY KEY);"),
        ("all.sql", "CREATE VIEW authors AS SELECT u.id FROM users u JOIN posts p ON p.author = u.id;"),
        ("README.md", "no SQL"),
    ]);
    let side = Side::folder(folder.path()).unwrap();
    let file = Side::sql(
        "schema.sql",
        "CREATE TABLE users (id bigint PRIMARY KEY); CREATE TABLE posts (author bigint REFERENCES users);
         CREATE VIEW authors AS SELECT u.id FROM users u JOIN posts p ON p.author = u.id;",
    );
    assert_eq!(compared(&database, &side, &file.unwrap()).await.differences.to_string(), "");
    // With a table that no file makes, the first file that fails is named.
    std::fs::remove_file(folder.path().join("tables/users.sql")).unwrap();
    let side = Side::folder(folder.path()).unwrap();
    let migrator = Migrator::new(users());
    let failed = migrator.compare_sides(database.url(), &Side::empty(), &side, &Comparison::new()).await;
    let error = scratch_error(failed).to_string();
    assert!(error.contains("all.sql:1:41: relation \"users\" does not exist"), "{error}");
    let empty = folder_of(&[("README.md", "no SQL")]);
    assert!(matches!(scratch_error(Side::folder(empty.path())), ScratchError::NoFiles { .. }));
}

/// A scratch database that is given holds one side at a time.
#[tokio::test]
async fn two_sides_are_compared_in_one_scratch_database_that_is_given() {
    let (target, scratch) = (database().await, database().await);
    let migrator = Migrator::new(users());
    let given = Comparison::new().scratch(scratch.url());
    let (folder, file) = (Side::migrations(&users()), Side::sql("schema.sql", USERS).unwrap());
    let compared = migrator.compare_sides(target.url(), &folder, &file, &given).await.unwrap();
    assert_eq!(compared.differences.to_string(), "");
    let wrong = Side::sql("schema.sql", "SELECT nope").unwrap();
    scratch_error(migrator.compare_sides(target.url(), &folder, &wrong, &given).await);
    let compared = migrator.compare_sides(target.url(), &file, &Side::empty(), &given).await.unwrap();
    assert!(!compared.differences.is_empty());
}

#[tokio::test]
async fn what_another_set_in_the_history_made_is_listed_and_left_alone() {
    let database = database().await;
    let billing = set(
        "billing",
        [Scripts::up(
            1,
            "CREATE SCHEMA pay; CREATE TABLE pay.bills (id bigint); CREATE INDEX i ON pay.bills (id);",
        )],
    );
    Migrator::new(users()).run(database.url()).await.unwrap();
    Migrator::new(billing).run(database.url()).await.unwrap();
    run(&database, "CREATE TABLE by_hand (id int)").await;
    let (folder, live) = (Side::migrations(&users()), Side::database(database.url()).unwrap());
    for (from, to, word) in [(&folder, &live, "added"), (&live, &folder, "removed")] {
        let compared = compared(&database, from, to).await;
        let differences = compared.differences.to_string();
        assert!(!differences.contains("bills") && !differences.contains("pay"), "{differences}");
        assert!(differences.contains(&format!("table public.by_hand: {word}")), "{differences}");
        let listed: Vec<String> = compared.left_alone.iter().map(ToString::to_string).collect();
        assert_eq!(
            listed,
            ["schema pay: the set billing made it", "table pay.bills: the set billing made it"]
        );
    }
}

/// Its migrations refer to tables of the other set, so they can't be run alone.
#[tokio::test]
async fn in_doubt_what_only_the_database_has_is_left_alone() {
    let database = database().await;
    let billing = set("billing", [Scripts::up(1, "CREATE TABLE bills (payer bigint REFERENCES users);")]);
    Migrator::new(users()).run(database.url()).await.unwrap();
    Migrator::new(billing).run(database.url()).await.unwrap();
    run(&database, "CREATE TABLE by_hand (id int); ALTER TABLE users ADD COLUMN email text").await;
    let compared =
        compared(&database, &Side::database(database.url()).unwrap(), &Side::migrations(&users())).await;
    let listed: Vec<String> = compared.left_alone.iter().map(ToString::to_string).collect();
    assert_eq!(
        listed,
        [
            "table public.bills: the set billing may have made it",
            "table public.by_hand: the set billing may have made it"
        ]
    );
    let differences = compared.differences.to_string();
    assert!(differences.contains("column public.users.email: removed"), "{differences}");
    assert!(!differences.contains("bills"), "{differences}");
}

#[tokio::test]
async fn partitions_that_pg_partman_made_are_left_alone() {
    let database = database().await;
    let parent = "CREATE TABLE events (at date NOT NULL) PARTITION BY RANGE (at);";
    run(&database, parent).await;
    run(
        &database,
        "CREATE SCHEMA partman; \
         CREATE TABLE partman.part_config (parent_table text, partition_interval text, automatic_maintenance text); \
         INSERT INTO partman.part_config VALUES ('public.events', '1 mon', 'on'); \
         CREATE TABLE events_p2026_01 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); \
         CREATE INDEX ON events_p2026_01 (at)",
    )
    .await;
    let file = Side::sql("schema.sql", parent).unwrap();
    let live = Side::database(database.url()).unwrap();
    let comparison = Comparison::new().ignore("*partman*".parse().unwrap());
    let migrator = Migrator::new(users());
    let compared = migrator.compare_sides(database.url(), &live, &file, &comparison).await.unwrap();
    assert_eq!(compared.differences.to_string(), "");
    assert_eq!(compared.left_alone.len(), 1);
    assert_eq!(compared.left_alone[0].to_string(), "table public.events_p2026_01: pg_partman made it");
}

#[tokio::test]
async fn a_schema_that_pg_dump_wrote_is_a_side() {
    let database = database().await;
    let Some(dump) =
        testing::server().unwrap().bin_dir().map(|bin| bin.join("pg_dump")).filter(|dump| dump.exists())
    else {
        // This happens with the servers of `tests/with-postgres`.
        return eprintln!("no pg_dump beside the server: nothing was tested");
    };
    Migrator::new(users()).run(database.url()).await.unwrap();
    let dumped = Command::new(dump).args(["--schema-only", database.url()]).output().unwrap();
    let text = String::from_utf8(dumped.stdout).unwrap();
    let file = Side::sql("schema.sql", text).unwrap();
    let compared = compared(&database, &file, &Side::migrations(&users())).await;
    assert_eq!(compared.differences.to_string(), "");
}
