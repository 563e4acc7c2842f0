//! goose sends the text between `StatementBegin` and `StatementEnd`, with or without a semicolon; so does
//! this library.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::folder_of;

/// Blocks as in many projects: without a semicolon at the end.
const BLOCKS: &str = "-- +goose Up
CREATE TABLE users (name text, seen int DEFAULT 0);
-- +goose StatementBegin
CREATE FUNCTION see() RETURNS trigger AS $$
BEGIN
  NEW.seen := 1;
  RETURN NEW;
END;
$$ LANGUAGE plpgsql
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER see BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION see()
-- +goose StatementEnd
INSERT INTO users VALUES ('Ada');
-- +goose Down
-- +goose StatementBegin
DROP TABLE users
-- +goose StatementEnd
-- +goose statementbegin
DROP FUNCTION see() -- no more
-- +goose statementend
";

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(text: &str) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(&[("1_users.sql", text)]).path()).unwrap())
}

#[tokio::test]
async fn a_block_without_a_semicolon_is_a_statement() {
    for text in [BLOCKS.to_owned(), format!("-- +goose NO TRANSACTION\n{BLOCKS}")] {
        let (database, migrator) = (database().await, migrator(&text));
        assert_eq!(migrator.run(database.url()).await.unwrap().steps[0].statements, 4);
        let client = database.connect().await.unwrap();
        let seen = client.query_one("SELECT seen FROM users", &[]).await.unwrap();
        assert_eq!(seen.get::<_, i32>(0), 1);
        assert_eq!(migrator.down(database.url(), 1).await.unwrap().steps[0].statements, 2);
        client.execute("CREATE TABLE users ()", &[]).await.unwrap();
    }
}

/// A release that does not have the migration reverts it with the text stored in the history.
#[tokio::test]
async fn what_the_history_kept_of_such_a_file_is_divided_as_the_file_was() {
    let database = database().await;
    migrator(BLOCKS).run(database.url()).await.unwrap();
    let older = Migrator::new(Set::new("default", Vec::new()).unwrap());
    assert_eq!(older.down(database.url(), 1).await.unwrap().steps[0].statements, 2);
}

#[tokio::test]
async fn an_error_behind_such_a_block_has_its_place_in_the_file() {
    for mark in ["", "-- +goose NO TRANSACTION\n"] {
        let text = format!("{mark}{}", BLOCKS.replace("INSERT INTO users", "INSERT INTO people"));
        let failed = migrator(&text).run(database().await.url()).await.unwrap_err().to_string();
        let line = if mark.is_empty() { 14 } else { 15 };
        assert!(failed.contains(&format!("1_users.sql:{line}:13")), "{failed}");
        assert!(failed.contains("statement 4 of 4"), "{failed}");
    }
}

/// goose would cut it in two, which the server refuses.
#[test]
fn a_block_that_ends_within_a_statement_is_an_error_of_the_build() {
    for (body, expected) in [
        ("CREATE TABLE t (\n-- +goose StatementEnd\nid int);", "1_users.sql:3:16"),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;\n-- +goose StatementEnd\nEND;",
            "1_users.sql:3:33",
        ),
    ] {
        let text = format!("-- +goose Up\n-- +goose StatementBegin\n{body}\n");
        let refused = Set::from_folder(folder_of(&[("1_users.sql", &text)]).path()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

async fn rows(database: &Database) -> Vec<i32> {
    let client = database.connect().await.unwrap();
    let rows = client.query("SELECT a FROM t ORDER BY a", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// goose sends each statement separately: the first COMMIT ends its transaction, and none is open afterwards.
#[tokio::test]
async fn behind_its_own_commit_each_statement_is_committed_by_itself() {
    let up = |last: &str| {
        format!(
            "-- +goose Up\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nCOMMIT;\nINSERT INTO t VALUES (2);\n\
             VACUUM t;\nBEGIN;\nINSERT INTO t VALUES (3);\nINSERT INTO t VALUES (4);\nCOMMIT;\nINSERT INTO t VALUES (5);\n{last}"
        )
    };
    for (last, left) in [
        ("INSERT INTO t VALUES (1 / 0);", vec![1, 2, 3, 4, 5]),
        ("BEGIN;\nINSERT INTO t VALUES (6);\nINSERT INTO t VALUES (1 / 0);\nCOMMIT;", vec![1, 2, 3, 4, 5]),
        (
            "-- +goose StatementBegin\nINSERT INTO t VALUES (6);\nINSERT INTO t VALUES (1 / 0);\n-- +goose StatementEnd\n",
            vec![1, 2, 3, 4, 5],
        ),
    ] {
        let database = database().await;
        let error = migrator(&up(last)).run(database.url()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("22012"), "{error}");
        assert_eq!(rows(&database).await, left, "{last}");
        migrator(&up(&last.replace("1 / 0", "7"))).run(database.url()).await.unwrap();
        let all = rows(&database).await;
        assert!(all.starts_with(&left) && all.ends_with(&[7]), "{all:?}");
    }
}

/// The statements before the COMMIT are one transaction, even if a later statement refuses one.
#[tokio::test]
async fn before_its_own_commit_all_statements_are_one_transaction() {
    let database = database().await;
    let up = "-- +goose Up\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1 / 0);\nCOMMIT;\nVACUUM t;\n";
    migrator(up).run(database.url()).await.unwrap_err();
    let client = database.connect().await.unwrap();
    let there = client.query_one("SELECT to_regclass('t') IS NULL", &[]).await.unwrap();
    assert!(there.get::<_, bool>(0));
}

#[tokio::test]
async fn a_block_of_several_statements_is_one_query_without_a_transaction_too() {
    let database = database().await;
    let up = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE t (a int);\n-- +goose StatementBegin\n\
              INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1 / 0);\n-- +goose StatementEnd\n";
    migrator(up).run(database.url()).await.unwrap_err();
    assert!(rows(&database).await.is_empty());
}
