//! `drift`, `baseline` with its comparison, `adopt` and `test`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use std::fs;

#[tokio::test]
async fn a_schema_that_somebody_changed_by_hand_is_drift() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let mut transcript = stage.transcript(&["drift"]);
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE INDEX by_hand ON users (id); ALTER TABLE posts ADD n int").await.unwrap();
    transcript += &stage.transcript(&[
        "drift",
        "drift --json",
        "drift --ignore public.by_hand --ignore public.posts.n",
    ]);
    assert_snapshot("drift.txt", &transcript);
}

#[tokio::test]
async fn a_baseline_is_compared_first() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE users (id int)").await.unwrap();
    let mut transcript = stage.transcript(&["baseline 0001", "status"]);
    client.batch_execute("ALTER TABLE users ALTER id TYPE bigint").await.unwrap();
    transcript += &stage.transcript(&["baseline 0001", "status"]);
    assert_snapshot("baseline_checked.txt", &transcript);
}

#[tokio::test]
async fn another_tools_history_is_adopted() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (1, false); CREATE TABLE users (id bigint)",
        )
        .await
        .unwrap();
    let lines = ["adopt --dry-run", "adopt", "status", "adopt", "up", "adopt --json"];
    assert_snapshot("adopt.txt", &stage.transcript(&lines));
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn migrations_are_tried_up_down_and_up_again() {
    let stage = Stage::new(&TABLES).await;
    let mut transcript = stage.transcript(&["test"]);
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags (id int); CREATE TABLE more (id int);");
    stage.write("migrations/0003_tags.down.sql", "DROP TABLE tags;");
    transcript += &stage.transcript(&["test", "test --json", "status"]);
    assert_snapshot("test.txt", &transcript);
}

/// Roles are everybody's on the server of the tests: theirs have the database's name.
#[cfg(feature = "testing")]
#[tokio::test]
async fn roles_that_migrations_make_are_left_alone_by_test_drift_and_report() {
    let stage = Stage::new(&TABLES).await;
    let role = format!("{}_reader", stage.database.name());
    let up = format!("CREATE ROLE {role} NOLOGIN CONNECTION LIMIT 3; GRANT SELECT ON users TO {role};");
    stage.write("migrations/0003_roles.up.sql", &up);
    let down = format!("REVOKE SELECT ON users FROM {role}; DROP ROLE {role};");
    stage.write("migrations/0003_roles.down.sql", &down);
    stage.write("migrations/0004_more.up.sql", "CREATE TABLE more ();");
    // The role is not there yet, and is none of the scratch database's.
    let there = format!("SELECT count(*)::text FROM pg_roles WHERE rolname = '{role}' AND rolconnlimit = 3");
    assert_eq!(stage.run("test --allow-irreversible 4").code, 0);
    assert_eq!(stage.value(&there).await, "0");
    stage.done("up");
    for line in [
        "test --allow-irreversible 4 --from 3",
        "drift",
        "drift --privileges",
        "report --html r.html --drift",
    ] {
        let ran = stage.run(line);
        assert_eq!(ran.code, 0, "{line}: {} {}", ran.stdout, ran.stderr);
    }
    assert_eq!(stage.value(&there).await, "1");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute(&down).await.unwrap();
}

#[tokio::test]
async fn drift_since_the_last_run_needs_no_scratch_database() {
    let stage = Stage::new(&TABLES).await;
    fs::create_dir(stage.path().join("backups")).unwrap();
    let mut told =
        stage.transcript(&["drift --kept", "up --keep-schema --backup backups", "drift --kept", "drift"]);
    let client = stage.database.connect().await.unwrap();
    let change = "ALTER TABLE users ADD nickname text; DROP TABLE posts; CREATE TABLE tmp_x (); \
                  GRANT SELECT ON users TO PUBLIC";
    client.batch_execute(change).await.unwrap();
    told += &stage.transcript(&["drift --kept --ignore 'public.tmp_*'", "drift --kept --privileges --json"]);
    stage.done("drift --keep");
    stage.done("drift --kept");
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags ();");
    told += &stage.transcript(&["up", "drift --kept"]);
    assert_snapshot("drift_kept.txt", &told);
}
