//! Edits to applied migrations, and versions that two branches have chosen.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

#[tokio::test]
async fn an_edit_of_the_writing_is_accepted_with_its_reason_and_any_other_by_force_only() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("migrations/0001_users.up.sql", "create table users (\n  id bigint\n);\n");
    let writing =
        ["status", "accept 0001 --reason formatted --dry-run", "accept 0001 --reason formatted", "status"];
    let writing = stage.transcript(&writing);
    stage.write("migrations/0002_posts.up.sql", "CREATE TABLE posts (id bigint, \"Body\" text);\n");
    let lines = [
        "accept 0002 --reason 'one column more'",
        "accept 0009 --reason 'there is none'",
        "accept --reason 'of nothing'",
        "accept --all --reason 'made by hand' --force",
        "up",
        "history",
        "accept --all --reason 'nothing is edited'",
    ];
    assert_snapshot("accept.txt", &(writing + &stage.transcript(&lines)));
    let reasons = stage.value("SELECT string_agg(reason, ', ' ORDER BY seq) FROM migrate_history").await;
    assert_eq!(reasons, "formatted, made by hand");
    // From now on, the accepted text counts.
    stage.write("migrations/0001_users.up.sql", "CREATE TABLE users (id bigint);");
    assert_eq!(stage.run("up").code, 5);
}

#[tokio::test]
async fn a_version_that_another_branch_has_taken_is_given_up() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("migrations/0002_tags.up.sql", "CREATE TABLE tags (id bigint);");
    stage.write("migrations/0002_tags.down.sql", "DROP TABLE tags;");
    let lines = [
        "up",
        "renumber 0002",
        "renumber 0002_posts",
        "renumber 0004",
        "renumber 0002_tags 0001",
        "renumber 0002_tags ../0004",
        "renumber 0002_tags",
        "up",
    ];
    assert_snapshot("renumber.txt", &stage.transcript(&lines));
    assert_eq!(stage.value("SELECT to_regclass('tags') IS NOT NULL").await, "true");
}

#[tokio::test]
async fn without_a_database_files_are_renumbered_unasked() {
    let stage = Stage::new(&TABLES).await;
    stage.write("migrations/0001_more.sql", "SELECT 1;");
    let mut command = stage.command("renumber 0001_more 7 --json");
    let ran = stage.ran(&command.env_remove("DATABASE_URL").output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("\"to\": \"7_more.sql\""), "{ran:?}");
    assert!(stage.path().join("migrations/7_more.sql").exists());
    let mut command = stage.command("renumber 7 8");
    let unreachable = command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").output().unwrap();
    assert_eq!(stage.ran(&unreachable).code, 1);
    let mut command = stage.command("renumber 7 8 --unchecked");
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    assert_eq!(stage.ran(&command.output().unwrap()).code, 0);
}

/// Otherwise the folder would no longer be valid.
#[tokio::test]
async fn what_waits_for_a_renumbered_backfill_waits_for_its_new_version() {
    let stage = Stage::new(&TABLES).await;
    stage.write(
        "migrations/0003_fill.up.sql",
        "-- migrate: batch=posts\nUPDATE posts SET id = id WHERE id > 0 AND ${batch};",
    );
    stage.write("migrations/0009_later.up.sql", "-- migrate: phase=contract after=3\nSELECT 'after=3';");
    let ran = stage.done("renumber 0003_fill 0005 --unchecked");
    assert!(ran.stdout.contains("0009_later.up.sql waits for 0005 now"), "{ran:?}");
    let text = std::fs::read_to_string(stage.path().join("migrations/0009_later.up.sql")).unwrap();
    assert_eq!(text, "-- migrate: phase=contract after=0005\nSELECT 'after=3';");
    stage.done("check");
}

#[tokio::test]
async fn every_file_of_a_migration_gets_the_new_version() {
    for (files, line, expected) in [
        (
            &[
                ("2024/V3__a.sql", "SELECT 1;"),
                ("2024/V3__a.sql.conf", "executeInTransaction=false"),
                ("undo/U3__a.sql", "SELECT 1;"),
                ("2025/V4__b.sql", "SELECT 1;"),
            ][..],
            "renumber 3 7",
            &["2024/V7__a.sql", "2024/V7__a.sql.conf", "2025/V4__b.sql", "undo/U7__a.sql"][..],
        ),
        (
            &[("03_add.up.sql", "SELECT 1;"), ("3_drop.down.sql", "SELECT 1;")],
            "renumber 3",
            &["04_add.up.sql", "04_drop.down.sql"],
        ),
        (
            &[("03_a.up.sql", "SELECT 1;"), ("03_a.down.sql", "SELECT 1;"), ("03_b.up.sql", "SELECT 1;")],
            "renumber 03_a",
            &["03_b.up.sql", "04_a.down.sql", "04_a.up.sql"],
        ),
        (
            &[("V1__a.sql", "SELECT 1;"), ("U2__b.sql", "SELECT 1;")],
            "renumber U2__b 5",
            &["U5__b.sql", "V1__a.sql"],
        ),
    ] {
        let stage = Stage::new(files).await;
        stage.done(&format!("{line} --unchecked"));
        assert_eq!(stage.files(), expected, "{line}");
        stage.done("check");
    }
}
