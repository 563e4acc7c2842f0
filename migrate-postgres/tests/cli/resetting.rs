//! `reset`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

#[tokio::test]
async fn a_database_that_nobody_marked_is_not_dropped() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    assert_snapshot(
        "reset_refused.txt",
        &stage.transcript(&["reset", "reset --json", "reset --confirm other"]),
    );
    assert_eq!(stage.value("to_regclass('users')").await, "users");
}

#[tokio::test]
async fn a_development_database_is_dropped_built_anew_and_seeded() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE SCHEMA \"Other one\"; CREATE TABLE \"Other one\".t (a int); CREATE VIEW public.v AS TABLE \"Other one\".t; \
             CREATE PUBLICATION p FOR TABLE \"Other one\".t; GRANT USAGE ON SCHEMA public TO PUBLIC",
        )
        .await
        .unwrap();
    let acl = "SELECT nspacl::text || nspowner FROM pg_namespace WHERE nspname = 'public'";
    let before = stage.value(acl).await;
    stage.write("seed.sql", "INSERT INTO posts VALUES (1);\nINSERT INTO posts VALUES (2);");
    assert_snapshot(
        "reset.txt",
        &stage.transcript(&["reset --mark-development", "reset", "status", "reset --no-seed"]),
    );
    assert_eq!(stage.value(acl).await, before, "public is as it was");
    assert_eq!(stage.value("to_regnamespace('\"Other one\"')").await, "");
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "0");
    stage.done("reset --unmark-development");
    assert_eq!(stage.run("reset").code, 5);
}

#[tokio::test]
async fn the_repeated_name_will_do_instead_of_a_mark() {
    let stage = Stage::new(&TABLES).await;
    stage.done(&format!("reset --confirm {}", stage.database.name()));
    stage.done("status");
}

#[tokio::test]
async fn a_seed_script_that_fails_says_where_and_leaves_nothing() {
    let stage = Stage::new(&TABLES).await;
    stage.done("reset --mark-development");
    stage.write("fixtures.sql", "INSERT INTO posts VALUES (1);\nINSERT INTO nothing VALUES (1);");
    assert_snapshot(
        "seed_failed.txt",
        &stage.transcript(&["reset --seed fixtures.sql", "reset --seed missing.sql"]),
    );
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "0");
}
