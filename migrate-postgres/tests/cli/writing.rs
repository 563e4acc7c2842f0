//! SQL that is written from a difference: `diff`, `new`, `schema`, `drift --sql`, `dev --to`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use std::fs;

/// The texts of the files of the migrations folder that are not those of the stage.
fn new_files(stage: &Stage) -> String {
    let old: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    let new = stage.files().into_iter().filter(|name| !old.contains(&name.as_str()));
    let text = |name: String| {
        let text = fs::read_to_string(stage.path().join("migrations").join(&name)).unwrap();
        format!("== {name}\n{text}")
    };
    new.map(text).collect()
}

const WISHED: &str = "CREATE TABLE users (id bigint, email text);\n\
                      CREATE TABLE tags (id bigint PRIMARY KEY, name text NOT NULL);\n";

#[tokio::test]
async fn the_sql_of_a_difference_is_printed_with_its_proof() {
    let stage = Stage::new(&TABLES).await;
    stage.write("schema.sql", WISHED);
    assert_snapshot(
        "diff_sql.txt",
        &stage.transcript(&[
            "diff --to schema.sql",
            "diff --to schema.sql --down",
            "diff --to schema.sql --json",
        ]),
    );
}

#[tokio::test]
async fn a_migration_is_written_from_a_schema_and_makes_it() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("schema.sql", WISHED);
    let text = stage.transcript(&["new wished --to schema.sql"]) + &new_files(&stage);
    assert_snapshot("new_to.txt", &text);
    stage.done("up");
    stage.done("diff --to schema.sql --exit-code");
    stage.done("drift");
    stage.done("down --all --yes");
    let nothing = stage.done("new more --to schema.sql");
    assert!(nothing.stdout.starts_with("nothing to write: no difference"), "{nothing:?}");
}

#[tokio::test]
async fn a_migration_is_written_in_the_layouts_of_other_tools() {
    let cases = [
        ("V1__a.sql", "CREATE TABLE a (id int);", "V2__wished.sql"),
        (
            "00001_a.sql",
            "-- +goose Up\nCREATE TABLE a (id int);\n-- +goose Down\nDROP TABLE a;\n",
            "00002_wished.sql",
        ),
        ("20260105101500_a/migration.sql", "CREATE TABLE a (id int);", "_wished/migration.sql"),
    ];
    for (name, text, expected) in cases {
        let stage = Stage::new(&[(name, text)]).await;
        stage.write(
            "schema.sql",
            "CREATE TABLE a (id int); CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';",
        );
        stage.done("new wished --to schema.sql");
        assert!(stage.files().iter().any(|file| file.ends_with(expected)), "{:?}", stage.files());
        stage.done("up");
        stage.done("diff --to schema.sql --exit-code");
    }
}

#[tokio::test]
async fn a_rename_is_not_guessed() {
    let stage = Stage::new(&[("0001_users.up.sql", "CREATE TABLE users (id bigint, mail text);")]).await;
    stage.write("schema.sql", "CREATE TABLE users (id bigint, email text);");
    let text = stage.transcript(&["new email --to schema.sql"]);
    assert_eq!(stage.files().len(), 1);
    let text = text + &stage.transcript(&["new email --to schema.sql --rename users.mail=email"]);
    assert_snapshot("new_renamed.txt", &text);
    stage.done("up");
    stage.done("diff --to schema.sql --exit-code");
}

#[tokio::test]
async fn a_migration_without_a_way_back_gets_one() {
    let stage = Stage::new(&TABLES[..4]).await;
    stage.done("up");
    stage.done("new without_posts --revert-of 0002");
    stage.done("up");
    assert_eq!(stage.value("to_regclass('posts')").await, "");
    assert_eq!(stage.value("to_regclass('users')").await, "users");
}

#[tokio::test]
async fn a_folder_begins_with_what_a_database_has() {
    let stage = Stage::new(&[]).await;
    let client = stage.database.connect().await.unwrap();
    let schema = "CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL); CREATE INDEX ON users (name); \
                  CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE moods (\"user\" bigint REFERENCES users, mood mood)";
    client.batch_execute(schema).await.unwrap();
    stage.done("new initial --baseline");
    stage.done("baseline 0001");
    stage.done("drift");
    let again = stage.run("new initial --baseline");
    assert!(again.code == 5 && again.stderr.contains("the folder has migrations (1)"), "{again:?}");
}

#[tokio::test]
async fn the_whole_schema_is_a_file_that_is_checked() {
    let stage = Stage::new(&TABLES).await;
    let mut text =
        stage.transcript(&["schema --sql", "schema --sql --out schema.sql", "schema --check schema.sql"]);
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags (id bigint);");
    text += &stage.transcript(&["schema --check schema.sql"]);
    assert_snapshot("schema.txt", &text);
}

#[tokio::test]
async fn drift_is_written_as_sql_for_either_side() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE INDEX by_id ON users (id)").await.unwrap();
    assert_snapshot("drift_sql.txt", &stage.transcript(&["drift --sql", "drift --sql --json"]));
    stage.done(&format!("new by_id --to-database '{}'", stage.database.url()));
    assert!(new_files(&stage).contains("by_id"), "{:?}", stage.files());
}

#[tokio::test]
async fn dev_writes_the_next_migration_as_a_schema_changes() {
    let stage = Stage::new(&TABLES).await;
    stage.write("schema.sql", "CREATE TABLE users (id bigint); CREATE TABLE posts (id bigint);");
    stage.done("dev --mark-development --to schema.sql");
    assert_eq!(stage.files().len(), 5, "{:?}", stage.files());
    stage.write("schema.sql", "CREATE TABLE users (id bigint); CREATE TABLE posts (id bigint, title text);");
    stage.done("dev --to schema.sql");
    assert!(stage.files().contains(&"0003_schema.up.sql".to_owned()), "{:?}", stage.files());
    assert_eq!(
        stage.value("SELECT count(*) FROM information_schema.columns WHERE column_name = 'title'").await,
        "1"
    );
    stage.done("dev --to schema.sql");
    assert_eq!(stage.files().len(), 7, "{:?}", stage.files());
}
