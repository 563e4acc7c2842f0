//! `dev`.

use crate::snapshot::{assert_snapshot, normalized};
use crate::stage::{Stage, TABLES};
use std::process::Command;
use std::time::Duration;

/// Runs git in the working directory.
fn git(stage: &Stage, line: &str) {
    let mut command = Command::new("git");
    command.current_dir(stage.path()).env("HOME", stage.path()).args([
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
    ]);
    let output = command.args(line.split(' ')).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

/// Two migrations; the first is on the branch `main`.
async fn stage() -> Stage {
    let stage = Stage::new(&TABLES[..3]).await;
    git(&stage, "init -q -b main");
    git(&stage, "add migrations");
    git(&stage, "commit -q -m first");
    git(&stage, "checkout -q -b feature");
    stage.write(&format!("migrations/{}", TABLES[3].0), TABLES[3].1);
    stage.write(&format!("migrations/{}", TABLES[4].0), TABLES[4].1);
    stage
}

#[tokio::test]
async fn a_database_that_is_not_marked_is_left_alone() {
    let stage = stage().await;
    assert_snapshot("dev_refused.txt", &stage.transcript(&["dev", "dev --json"]));
    assert_eq!(stage.value("to_regclass('users')").await, "");
    stage.done("dev --mark-development");
    stage.done("dev");
    assert_eq!(stage.value("to_regclass('posts')").await, "posts");
}

#[tokio::test]
async fn an_edited_migration_is_taken_back_as_it_was_applied_and_applied_again() {
    let stage = stage().await;
    stage.write("seeds/users.sql", "INSERT INTO users SELECT 7 WHERE NOT EXISTS (SELECT FROM users);");
    stage.write("seeds/development/posts.sql", "DELETE FROM posts; INSERT INTO posts VALUES (1);");
    stage.write("assertions/users.sql", "SELECT count(*) > 0 FROM users;");
    stage.write("migrations/0003_tags.sql", "CREATE TABLE tags (id bigint);");
    stage.write("migrations/0003_tags.down.sql", "DROP TABLE tags;");
    let mut text = stage.transcript(&["dev --mark-development"]);
    // The new down script reverts the new text alone.
    stage.write(
        "migrations/0002_posts.up.sql",
        "CREATE TABLE articles (id bigint); CREATE TABLE posts (id bigint);",
    );
    stage.write("migrations/0002_posts.down.sql", "DROP TABLE articles; DROP TABLE posts;");
    text += &stage.transcript(&["dev", "dev --json"]);
    assert_snapshot("dev.txt", &text);
    assert_eq!(stage.value("to_regclass('articles')").await, "articles");
    assert_eq!(stage.value("to_regclass('tags')").await, "tags");
    assert_eq!(stage.value("SELECT count(*) FROM users").await, "1", "the rows of other tables stay");
    stage.done("status");
    // An edit of a comment changes nothing.
    stage.write("migrations/0001_users.up.sql", "-- Users.\nCREATE TABLE users (id bigint);");
    stage.done("dev");
    stage.write("assertions/users.sql", "SELECT count(*) > 9 FROM users;");
    assert_eq!(stage.run("dev").code, 13);
}

#[tokio::test]
async fn a_released_migration_is_not_taken_back() {
    let stage = stage().await;
    stage.done("dev --mark-development");
    stage.write("migrations/0001_users.up.sql", "CREATE TABLE users (id bigint, name text);");
    let ran = stage.run("dev");
    let text = ran.transcript("dev");
    let base = Command::new("git").current_dir(stage.path()).args(["rev-parse", "main"]).output().unwrap();
    let base = String::from_utf8(base.stdout).unwrap();
    assert_snapshot("dev_released.txt", &text.replace(&base[..12], "$COMMIT"));
    assert_eq!(ran.code, 5);
    assert_eq!(stage.value("to_regclass('posts')").await, "posts");
    // It is not released on another branch.
    stage.write("migrate.toml", "[dev]\nbranch = \"nothing\"\n");
    let unknown = stage.run("dev");
    assert!(
        unknown.stderr.contains("the repository has no branch nothing, which migrate.toml names"),
        "{unknown:?}"
    );
    git(&stage, "checkout -q --orphan old");
    git(&stage, "commit -q --allow-empty -m old");
    stage.write("migrate.toml", "[dev]\nbranch = \"old\"\n");
    git(&stage, "rm -q -r --cached migrations");
    git(&stage, "commit -q -m empty");
    stage.done("dev");
    assert_eq!(
        stage.value("SELECT count(*) FROM information_schema.columns WHERE table_name = 'users'").await,
        "2"
    );
}

#[tokio::test]
async fn without_a_repository_nothing_is_taken_back() {
    let stage = Stage::new(&TABLES).await;
    stage.done("dev --mark-development");
    stage.write("migrations/0002_posts.up.sql", "CREATE TABLE posts (id bigint, title text);");
    let mut command = stage.command("dev");
    let ran =
        stage.ran(&command.env("GIT_CEILING_DIRECTORIES", stage.path().parent().unwrap()).output().unwrap());
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.stderr.contains("it is unknown whether it is released: `migrations` is in no git repository"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("migrate redo"), "{ran:?}");
}

#[tokio::test]
async fn without_a_down_script_another_database_gets_the_rows_that_fit() {
    let stage = stage().await;
    stage.remove("migrations/0002_posts.down.sql");
    stage.write(
        "migrations/0002_posts.up.sql",
        "CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text, length int);
         CREATE TABLE comments (post bigint REFERENCES posts, at timestamptz DEFAULT now());",
    );
    stage.done("dev --mark-development");
    let client = stage.database.connect().await.unwrap();
    let rows = "INSERT INTO posts (title, length) VALUES ('It''s', 3), (NULL, NULL); INSERT INTO comments VALUES (1); \
                INSERT INTO users SELECT * FROM generate_series(1, 1500)";
    client.batch_execute(rows).await.unwrap();
    stage.write(
        "migrations/0002_posts.up.sql",
        "CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title varchar, words int DEFAULT 0);
         CREATE TABLE comments (post bigint REFERENCES posts, at date NOT NULL CHECK (at < '2000-01-01'));",
    );
    assert_snapshot("dev_no_down.txt", &stage.transcript(&["dev"]));
    let name = format!("{}_copy", stage.database.name());
    let copied = stage.done(&format!("dev --copy-to {name}"));
    let text = normalized(&copied.stdout).replace(&name, "$COPY").replace("$DATABASE_copy", "$COPY");
    assert_snapshot("dev_copy.txt", &text);
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "2", "the database is as it was");
    assert_eq!(stage.value("SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'posts'").await, "id title length");
    let url = stage.database.url().replace(stage.database.name(), &name);
    let (copy, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let value = |sql: &'static str| {
        let copy = &copy;
        async move { copy.query_one(sql, &[]).await.unwrap().get::<_, String>(0) }
    };
    assert_eq!(
        value("SELECT string_agg(id || coalesce(title, '-') || words, ' ' ORDER BY id) FROM posts").await,
        "1It's0 2-0"
    );
    assert_eq!(value("SELECT count(*)::text FROM users").await, "1500");
    assert_eq!(
        value("INSERT INTO posts DEFAULT VALUES RETURNING id::text").await,
        "3",
        "the sequence goes on"
    );
    drop(copy);
    connection.await.unwrap().unwrap();
    // A database with something in it is refused.
    let again = stage.run(&format!("dev --copy-to '{url}'"));
    assert!(again.code == 5 && again.stderr.contains("it is not empty"), "{again:?}");
    client.batch_execute(&format!("DROP DATABASE \"{name}\"")).await.unwrap();
}

/// The test waits for the effect, not for a time.
#[cfg(unix)]
#[tokio::test]
async fn a_change_of_the_folder_is_applied_while_it_is_watched() {
    let stage = stage().await;
    let mut child = stage.spawn("dev --mark-development --watch");
    let until = async |sql: &str| {
        while stage.value(sql).await != "true" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until("SELECT to_regclass('posts') IS NOT NULL").await;
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags (id nope);");
    tokio::time::sleep(Duration::from_millis(20)).await;
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags (id bigint);");
    until("SELECT to_regclass('tags') IS NOT NULL").await;
    stage.send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
