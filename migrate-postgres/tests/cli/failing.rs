//! After a failure: the error, `status` and `resolve` tell the same story.

use crate::snapshot::assert_snapshot;
use crate::stage::{HALF, Stage, TABLES};
use std::time::Duration;

#[tokio::test]
async fn a_migration_that_failed_left_nothing_and_says_how_to_go_on() {
    let failing = ("0003_count.up.sql", "ALTER TABLE users ADD n int;\nUPDATE users SET n = nope;\n");
    let stage = Stage::new(&[&TABLES[..], &[failing]].concat()).await;
    assert_snapshot("failed.txt", &stage.transcript(&["up", "status", "up --json", "status --json"]));
    stage.write("migrations/0003_count.up.sql", "ALTER TABLE users ADD n int;");
    stage.done("up");
    stage.done("status");
}

#[tokio::test]
async fn a_migration_that_stopped_between_its_statements_is_settled_by_hand() {
    let stage = Stage::new(&[&TABLES[..], &[HALF]].concat()).await;
    let lines = [
        "up",
        "status",
        "down",
        "resolve 0003 --resume --reason 'it was not run'",
        "resolve 0003 --resume=9 --reason 'there is none'",
        "resolve 0003 --reverted --reason 'it is not'",
        "resolve 0003 --applied --reason 'there is but one index'",
        "history",
        "status",
    ];
    assert_snapshot("half_done.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn who_settled_it_and_why_is_kept() {
    let stage = Stage::new(&[&TABLES[..], &[HALF]].concat()).await;
    assert_eq!(stage.run("up").code, 7);
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE INDEX b ON users (id)").await.unwrap();
    stage.done("resolve 0003 --applied --reason 'made by hand'");
    stage.done("status");
    let kept = stage
        .value("SELECT reason || ', ' || application_name FROM migrate_history WHERE reason IS NOT NULL")
        .await;
    assert_eq!(kept, "made by hand, migrate (ada)");
}

#[tokio::test]
async fn a_statement_that_nobody_can_look_up_is_in_doubt() {
    let procedure = "CREATE PROCEDURE fill() LANGUAGE plpgsql AS \
                     $$ BEGIN INSERT INTO users VALUES (1); COMMIT; PERFORM pg_sleep(600); END $$;";
    let script = "-- migrate: transaction=none\nCALL fill();\nANALYZE users;\n";
    let last = [("0003_fill.up.sql", procedure), ("0004_data.up.sql", script)];
    let stage = Stage::new(&[&TABLES[..], &last].concat()).await;
    let mut child = stage.spawn("up");
    let asleep = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while stage.value(asleep).await != "true" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid()";
    stage.value(end).await;
    while stage.value(asleep).await == "true" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = [
        "status",
        "up",
        "up --json",
        "status",
        "resolve 0004 --resume=3 --reason 'the script has two'",
        "resolve 0004 --applied --reason 'I looked: the row is there'",
        "status",
    ];
    assert_snapshot("in_doubt.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn a_history_that_contradicts_the_folder_is_refused_with_a_diff() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("migrations/0001_users.up.sql", "CREATE TABLE users (id int);");
    assert_snapshot("edited.txt", &stage.transcript(&["up", "status", "verify", "up --json"]));
}

#[tokio::test]
async fn a_verify_script_that_refutes_its_migration_fails_the_command() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1)").await.unwrap();
    assert_snapshot("refuted.txt", &stage.transcript(&["verify", "verify --json"]));
}

#[tokio::test]
async fn no_command_goes_over_what_another_tool_has_applied() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE users (id bigint); CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (1, false)",
        )
        .await
        .unwrap();
    let lines = [
        "status",
        "plan",
        "plan --rehearse",
        "preflight",
        "up",
        "up --dry-run",
        "down --yes",
        "redo --yes",
        "verify",
        "drift",
        "report --html a.html",
    ];
    for line in lines {
        let ran = stage.run(line);
        assert_eq!(ran.code, 5, "{line}: {ran:?}");
        for part in [
            "public.schema_migrations lists 1 of this set's 2 migrations",
            "`--ignore-foreign-history`",
            "migrate adopt --dry-run",
        ] {
            assert!(ran.stderr.contains(part), "{line}: {part}: {ran:?}");
        }
    }
    assert_eq!(stage.value("to_regclass('migrate_history')").await, "");
    assert_eq!(stage.run("status --ignore-foreign-history").code, 3);
    assert_eq!(stage.run("status --json").code, 5);
    stage.done("adopt");
    stage.done("up");
    stage.done("drift");
}

#[tokio::test]
async fn the_table_of_another_tool_can_be_the_history() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up --history sqlx");
    assert_eq!(stage.value("SELECT count(*) FROM _sqlx_migrations").await, "2");
    assert_eq!(stage.value("to_regclass('migrate_history')").await, "");
    stage.done("status --history sqlx");
    assert_eq!(stage.run("status").code, 5);
}
