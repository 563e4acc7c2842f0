//! `down` and `redo`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

const TAGS: [(&str, &str); 2] =
    [("0003_tags.up.sql", "CREATE TABLE tags (id bigint);"), ("0003_tags.down.sql", "DROP TABLE tags;")];

async fn tables(stage: &Stage) -> String {
    let names = "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class \
                 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname !~ '^migrate_history'";
    stage.value(names).await
}

#[tokio::test]
async fn migrations_are_reverted_by_count_to_a_version_and_all() {
    let stage = Stage::new(&[&TABLES[..], &TAGS].concat()).await;
    let lines = [
        "up",
        "down --dry-run",
        "down --yes",
        "down --to 0001 --yes",
        "up",
        "down 2 --yes",
        "redo --yes",
        "down --all --yes",
        "down",
        "status",
    ];
    assert_snapshot("backward.txt", &stage.transcript(&lines));
    assert_eq!(tables(&stage).await, "");
}

#[tokio::test]
async fn a_deployment_is_reverted_as_a_whole() {
    let stage = Stage::new(&TABLES[..3]).await;
    stage.done("up");
    for (name, text) in [&TABLES[3..], &TAGS].concat() {
        stage.write(&format!("migrations/{name}"), text);
    }
    stage.done("up");
    stage.done("down --deployment --yes");
    assert_eq!(tables(&stage).await, "users");
}

#[tokio::test]
async fn a_deployment_that_another_one_stands_on_is_not_reverted() {
    let stage = Stage::new(&TABLES[..3]).await;
    stage.done("up");
    let first = stage.value("SELECT DISTINCT run_id FROM migrate_history").await;
    for (name, text) in &TABLES[3..] {
        stage.write(&format!("migrations/{name}"), text);
    }
    stage.done("up");
    let refused = stage.run(&format!("down --deployment={first}"));
    assert_eq!(refused.code, 5);
    assert!(
        refused.stderr.contains("can't be reverted alone: 0002_posts was applied after it"),
        "{refused:?}"
    );
    assert_eq!(stage.run("down --deployment=nobody").code, 5);
    assert_eq!(tables(&stage).await, "posts users");
    stage.done("down --deployment --yes");
    stage.done(&format!("down --deployment={first} --yes"));
    assert_eq!(tables(&stage).await, "");
}

#[tokio::test]
async fn a_baseline_is_no_deployment_and_what_was_settled_by_hand_is_part_of_one() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE users (id bigint)").await.unwrap();
    stage.done("baseline 0001 --unchecked");
    let marked = stage.value("SELECT DISTINCT run_id FROM migrate_history").await;
    for line in ["down --deployment".to_owned(), format!("down --deployment={marked}")] {
        let refused = stage.run(&line);
        assert_eq!(refused.code, 5, "{refused:?}");
        assert!(refused.stderr.contains("marked migrations as applied and ran none"), "{refused:?}");
    }
    stage.done("up");
    stage.done("down --deployment --yes");
    assert_eq!(tables(&stage).await, "users", "what was there before stays");
    stage.done("up");
    stage.write("migrations/0003_index.up.sql", "CREATE INDEX CONCURRENTLY a ON posts (id);\nSELECT 1/0;\n");
    stage.write("migrations/0003_index.down.sql", "DROP INDEX a;");
    assert_eq!(stage.run("up").code, 7);
    stage.done("resolve 0003 --applied --reason 'its rest is not needed'");
    stage.done("down --deployment --yes");
    assert_eq!(stage.value("to_regclass('a')").await, "");
    assert_eq!(tables(&stage).await, "posts users");
}

#[tokio::test]
async fn what_was_adopted_is_no_deployment() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE users (id bigint); CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (1, false)",
        )
        .await
        .unwrap();
    stage.done("adopt");
    assert_eq!(stage.run("down --deployment").code, 5);
    stage.done("up");
    stage.done("down --deployment --yes");
    assert_eq!(tables(&stage).await, "schema_migrations users");
}

#[tokio::test]
async fn a_newer_release_is_reverted_by_the_scripts_that_the_history_kept() {
    let stage = Stage::new(&[&TABLES[..], &TAGS].concat()).await;
    stage.done("up");
    for (name, _) in TAGS {
        stage.remove(&format!("migrations/{name}"));
    }
    assert_snapshot("older_release.txt", &stage.transcript(&["status", "down --yes", "status"]));
    assert_eq!(tables(&stage).await, "posts users");
}

#[tokio::test]
async fn a_missing_down_script_is_found_before_anything_is_reverted() {
    let stage = Stage::new(&[&TABLES[..], &TAGS].concat()).await;
    stage.remove("migrations/0002_posts.down.sql");
    stage.done("up");
    assert_snapshot("no_down.txt", &stage.transcript(&["down 3", "down 3 --json"]));
    assert_eq!(tables(&stage).await, "posts tags users");
}

#[tokio::test]
async fn a_mark_beside_a_failed_attempt_is_not_reverted_unless_it_is_asked_for() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE users (id bigint); INSERT INTO users VALUES (1)").await.unwrap();
    assert_eq!(stage.run("up").code, 7, "it is there");
    stage.done("baseline 0001 --unchecked");
    for line in ["down", "down --all", "down --deployment", "down --to 0", "redo"] {
        let refused = stage.run(&format!("{line} --yes"));
        assert_eq!(refused.code, 5, "{line}: {refused:?}");
    }
    assert_eq!(stage.value("SELECT count(*) FROM users").await, "1");
    let refused = stage.run("down --yes").stderr;
    assert!(
        refused.contains("0001_users was marked as applied") && refused.contains("`--including-marked`"),
        "{refused}"
    );
    // A later migration that was run is reverted without it.
    stage.done("up");
    stage.done("down --to 0001 --yes");
    stage.done("up");
    stage.done("down --deployment --yes");
    assert_eq!(tables(&stage).await, "users");
    stage.done("down --including-marked --yes");
    assert_eq!(tables(&stage).await, "");
}

#[tokio::test]
async fn without_a_terminal_nothing_is_reverted_but_by_yes_and_on_development_databases() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    for line in
        ["down", "down 2", "down --to 0001", "down --all", "down --deployment", "redo", "down --all --json"]
    {
        let refused = stage.run(line);
        assert_eq!(refused.code, 5, "{line}: {refused:?}");
    }
    assert_eq!(tables(&stage).await, "posts users");
    let refused = stage.run("down --all").stderr;
    for part in ["0002_posts, 0001_users", "$DATABASE", "no terminal to ask for confirmation", "`--yes`"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    stage.done("down --all --dry-run");
    stage.done("reset --mark-development");
    stage.done("down --all");
    assert_eq!(tables(&stage).await, "");
}

#[tokio::test]
async fn two_extents_at_once_are_a_mistake_of_usage() {
    let stage = Stage::new(&TABLES).await;
    for line in [
        "down 2 --all",
        "down --deployment --including-marked",
        "down --to 1 --deployment",
        "resolve 1 --reason x",
        "resolve 1 --applied",
        "nonsense",
    ] {
        assert_eq!(stage.run(line).code, 2, "{line}");
    }
}
