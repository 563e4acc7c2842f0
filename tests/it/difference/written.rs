//! Differences as SQL, proved on a copy.

use super::sides::{database, run, users};
use migrate_postgres::drift::Comparison;
use migrate_postgres::sides::{Side, WrittenDifference};
use migrate_postgres::testing::{Database, StaleSchemaFile, check_schema_file};
use migrate_postgres::{Error, Migrator};
use migrate_tests::sets::folder_of;

async fn written(database: &Database, from: &Side, to: &Side, renames: &[(&str, &str)]) -> WrittenDifference {
    let renames: Vec<(String, String)> =
        renames.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let migrator = Migrator::new(users());
    migrator.write_difference(database.url(), from, to, &Comparison::new(), &renames).await.unwrap()
}

fn sql(text: &str) -> Side {
    Side::sql("schema.sql", text).unwrap()
}

fn assert_proved(written: &WrittenDifference) {
    let scripts: Vec<&str> = written.scripts.iter().map(|script| script.up.as_str()).collect();
    assert!(written.proof.is_proved(), "{}\n{:?}\n{scripts:?}", written.proof, written.unwritten);
    assert!(written.proof.to_string().starts_with("proved on a copy, up and down"), "{}", written.proof);
}

#[tokio::test]
async fn sql_between_two_sides_is_proved_up_and_down() {
    let database = database().await;
    let wished = sql(
        "CREATE TABLE users (id bigint PRIMARY KEY, name text, email text);
         CREATE INDEX by_name ON users (name);
         CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author bigint NOT NULL REFERENCES users);
         CREATE VIEW authors AS SELECT u.id, u.email FROM users u JOIN posts p ON p.author = u.id;",
    );
    let folder = Side::migrations(&users());
    let forward = written(&database, &folder, &wished, &[]).await;
    assert_proved(&forward);
    assert!(forward.scripts.iter().all(|script| script.loses.is_empty()), "{forward:?}");
    let backward = written(&database, &wished, &folder, &[]).await;
    assert_proved(&backward);
    let loses: Vec<&String> = backward.scripts.iter().flat_map(|script| &script.loses).collect();
    assert!(loses.iter().any(|lost| *lost == "table public.posts"), "{loses:?}");
    assert!(written(&database, &folder, &folder, &[]).await.scripts.is_empty());
}

/// A database is copied by its catalog, and is only read.
#[tokio::test]
async fn a_database_is_copied_for_the_proof_and_left_as_it_is() {
    let database = database().await;
    Migrator::new(users()).run(database.url()).await.unwrap();
    run(&database, "CREATE TABLE by_hand (id int PRIMARY KEY, note varchar CHECK (note IN ('a', 'b')))")
        .await;
    let live = Side::database(database.url()).unwrap();
    let fix = written(&database, &live, &Side::migrations(&users()), &[]).await;
    assert_proved(&fix);
    assert!(fix.scripts[0].up.contains("DROP TABLE public.by_hand"), "{fix:?}");
    run(&database, "SELECT FROM by_hand").await;
}

/// The rows of the proof show what an empty table hides.
#[tokio::test]
async fn a_statement_that_fails_on_rows_is_not_proved() {
    let database = database().await;
    let wished = sql(
        "CREATE TABLE users (id bigint PRIMARY KEY, name text, email text NOT NULL); CREATE INDEX by_name ON users (name);",
    );
    let written = written(&database, &Side::migrations(&users()), &wished, &[]).await;
    assert!(!written.proof.is_proved());
    let failed = written.proof.failed.clone().unwrap_or_default();
    assert!(failed.contains("contains null values"), "{}", written.proof);
    assert!(written.proof.to_string().starts_with("not proved: up script 1:"), "{}", written.proof);
}

#[tokio::test]
async fn a_possible_rename_is_named_and_a_rename_keeps_the_rows() {
    let database = database().await;
    let folder = Side::migrations(&users());
    let renamed = "CREATE TABLE users (id bigint PRIMARY KEY, full_name text); CREATE INDEX by_name ON users (full_name);";
    let guessed = written(&database, &folder, &sql(renamed), &[]).await;
    let candidate =
        guessed.renames.iter().find(|one| one.to == "public.users.full_name").expect("a candidate");
    assert_eq!(candidate.from, "public.users.name");
    let told = written(&database, &folder, &sql(renamed), &[("users.name", "full_name")]).await;
    assert_proved(&told);
    assert!(told.renames.is_empty(), "{:?}", told.renames);
    assert!(told.scripts[0].up.contains("RENAME COLUMN name TO full_name"), "{told:?}");
    assert!(told.scripts.iter().all(|script| script.loses.is_empty()), "{told:?}");
    // Beside the column, for every run to come.
    let file = "CREATE TABLE users (\n  id bigint PRIMARY KEY,\n  full_name text -- migrate: renamed_from=name\n);\nCREATE INDEX by_name ON users (full_name);";
    let declared = written(&database, &folder, &sql(file), &[]).await;
    assert_eq!(declared.scripts, told.scripts);
    assert!(written(&database, &sql(file), &sql(file), &[]).await.scripts.is_empty());
    let migrator = Migrator::new(users());
    let wrong = [("users.nothing".to_owned(), "full_name".to_owned())];
    let wrong =
        migrator.write_difference(database.url(), &folder, &sql(renamed), &Comparison::new(), &wrong).await;
    assert!(matches!(wrong, Err(Error::Scratch(_))), "{wrong:?}");
}

#[tokio::test]
async fn a_kept_schema_file_that_is_stale_fails_its_test() {
    let database = database().await;
    let migrator = Migrator::new(users());
    let current =
        "CREATE TABLE users (id bigint PRIMARY KEY, name text); CREATE INDEX by_name ON users (name);";
    let folder = folder_of(&[("schema.sql", current)]);
    let path = folder.path().join("schema.sql");
    check_schema_file(database.url(), &migrator, &path).await.unwrap();
    std::fs::write(&path, "CREATE TABLE users (id bigint PRIMARY KEY, name text);").unwrap();
    let stale = check_schema_file(database.url(), &migrator, &path).await.unwrap_err();
    assert!(matches!(stale, StaleSchemaFile::Differs { .. }), "{stale}");
    assert!(stale.to_string().contains("index public.by_name: added"), "{stale}");
}
