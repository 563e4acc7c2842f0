//! `diff`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

const SCHEMA: &str = "CREATE TABLE posts (id bigint);\nCREATE TABLE users (id bigint);\n";

#[tokio::test]
async fn two_schemas_are_compared_and_the_exit_code_tells_ci() {
    let stage = Stage::new(&TABLES).await;
    stage.write("schema.sql", SCHEMA);
    stage.write("wished.sql", &SCHEMA.replace("users (id bigint)", "users (id bigint, email text)"));
    stage.write("wrong.sql", "CREATE TABLE users (id bigint);\nCREATE TABLE posts (id nope);\n");
    assert_snapshot(
        "diff.txt",
        &stage.transcript(&[
            "diff --to schema.sql --exit-code",
            "diff --to wished.sql --exit-code",
            "diff --to wished.sql --exit-code --json",
            "diff --from migrations@0001 --to migrations --exit-code",
            "diff --to migrations --from migrations@0009",
            "diff --to wrong.sql",
            "diff --to missing.sql",
        ]),
    );
    assert_eq!(stage.run("diff --from database --to empty --exit-code").code, 0, "nothing was written");
}

#[tokio::test]
async fn a_folder_is_one_of_migrations_or_of_plain_sql_by_its_names() {
    let stage = Stage::new(&TABLES).await;
    stage.write("db/schema/posts.sql", "CREATE TABLE posts (id bigint);");
    stage.write("db/schema/users.sql", "CREATE TABLE users (id bigint);");
    stage.write("db/old/V1__users.sql", "CREATE TABLE users (id bigint);");
    stage.write("db/old/V2__posts.sql", "CREATE TABLE posts (id bigint);");
    stage.write("db/bad/0001_users.sql", "CREATE TABLE users (id bigint);");
    stage.write("db/bad/posts.sql", "CREATE TABLE posts (id bigint);");
    for side in ["db/schema", "db/old", "migrations", "migrations@2"] {
        stage.done(&format!("diff --to {side} --exit-code"));
    }
    assert_eq!(stage.run("diff --to db/old@1 --exit-code").code, 4);
    let bad = stage.run("diff --to db/bad");
    assert!(bad.code != 4 && (bad.code == 0 || bad.stderr.contains("posts.sql")), "{bad:?}");
}

/// The configured database is only asked for its server.
#[tokio::test]
async fn a_database_is_a_side_by_its_url_and_no_password_is_printed() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let url = stage.database.url();
    let same = stage.done(&format!("diff --from '{url}' --to migrations --exit-code"));
    assert!(same.stdout.starts_with("no difference from the database $DATABASE to"), "{same:?}");
    let mut command = stage.command(&format!("diff --from '{url}' --to migrations --exit-code"));
    let output = command.env_remove("DATABASE_URL").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "the server of a side will do: {output:?}");
}
