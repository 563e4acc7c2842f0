//! `reset`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use migrate_postgres::testing;

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

#[tokio::test]
async fn nothing_is_dropped_under_a_run_of_somebody_else() {
    let slow = ("0003_slow.up.sql", "SELECT pg_sleep(600);");
    let stage = Stage::new(&[&TABLES[..], &[slow]].concat()).await;
    stage.done("reset --mark-development");
    let mut other = stage.spawn("up");
    stage.until_asleep().await;
    let refused = stage.run("reset --lock-wait 100ms");
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.stderr.contains("error: another run holds the migration lock"), "{refused:?}");
    assert_eq!(stage.value("SELECT count(*) FROM migrate_history WHERE live").await, "2", "all is there");
    // It goes on when the other one has ended.
    stage.write("migrations/0003_slow.up.sql", "CREATE TABLE tags (id bigint);");
    let waiting = stage.spawn("reset");
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    stage.value(end).await;
    other.wait().unwrap();
    let reset = stage.ran(&waiting.wait_with_output().unwrap());
    assert_eq!(reset.code, 0, "{reset:?}");
    assert_eq!(stage.value("to_regclass('tags')").await, "tags");
}

#[tokio::test]
async fn a_mark_of_another_database_or_in_a_copy_is_none() {
    let stage = Stage::new(&TABLES).await;
    stage.done("reset --mark-development");
    let copy = format!("{}_copy", stage.database.name());
    let url = stage.database.url().replace(stage.database.name(), &copy);
    let other = testing::server().unwrap().database().await.unwrap();
    let admin = other.connect().await.unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {}", stage.database.name())).await.unwrap();
    let mut command = stage.command("reset");
    command.env("DATABASE_URL", url);
    assert_eq!(stage.ran(&command.output().unwrap()).code, 5);
    admin.batch_execute(&format!("DROP DATABASE {copy}")).await.unwrap();
}
