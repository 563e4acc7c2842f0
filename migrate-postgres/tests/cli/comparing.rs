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

/// The scratch database in which a statement with this marker is running.
async fn scratch_of(stage: &Stage, mark: &str) -> String {
    let sql = format!(
        "SELECT coalesce(max(datname), '') FROM pg_stat_activity WHERE datname LIKE 'migrate_scratch_%' AND query LIKE '%{mark}%'"
    );
    for _ in 0..600 {
        let name = stage.value(&sql).await;
        if !name.is_empty() {
            return name;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no scratch database")
}

#[cfg(all(unix, feature = "testing"))]
#[tokio::test]
async fn a_command_that_is_ended_or_killed_leaves_no_scratch_database_beyond_the_next_call() {
    let stage = Stage::new(&TABLES).await;
    for signal in ["TERM", "INT", "HUP", "KILL"] {
        let mark = format!("mark {} {signal}", stage.database.name());
        // Alone in its message, so that its text is visible.
        let slow = format!("VACUUM; DO $$ BEGIN PERFORM pg_sleep(60); /* {mark} */ END $$;");
        stage.write("migrations/0003_slow.up.sql", &slow);
        stage.write("migrations/0003_slow.down.sql", "SELECT 1;");
        let mut child = stage.spawn("test --allow-irreversible 3");
        let name = scratch_of(&stage, &mark).await;
        let there = format!("SELECT count(*)::text FROM pg_database WHERE datname = '{name}'");
        assert_eq!(stage.value(&there).await, "1");
        let kill = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        child.wait().unwrap();
        if signal != "KILL" {
            assert_eq!(stage.value(&there).await, "0", "{signal}");
            continue;
        }
        assert_eq!(stage.value(&there).await, "1");
        stage.remove("migrations/0003_slow.up.sql");
        stage.remove("migrations/0003_slow.down.sql");
        for _ in 0..100 {
            assert_eq!(stage.run("test").code, 0);
            if stage.value(&there).await == "0" {
                return;
            }
        }
        panic!("{name} is left");
    }
}

#[tokio::test]
async fn a_report_is_written_where_the_drift_is_unknown() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1)").await.unwrap();
    stage.write("migrations/0003_first.up.sql", "SELECT 1 / (SELECT count(*) FROM users);");
    stage.done("up --to 0003");
    let ran = stage.run("report --html r.html --drift");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("run again") && !text.contains(" up "), "{text}");
    }
    assert!(ran.stdout.contains("drift unknown: on the scratch database"), "{}", ran.stdout);
    assert!(ran.stdout.contains("division by zero"), "{}", ran.stdout);
    assert!(ran.stdout.contains("drift --kept"), "{}", ran.stdout);
    let page = fs::read_to_string(stage.path().join("r.html")).unwrap();
    assert!(page.contains("Drift is unknown: on the scratch database"), "no word of it");
    let ran = stage.run("drift");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("`drift --kept`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("run again") && !ran.stderr.contains("continues with it"), "{}", ran.stderr);
}

/// All tests share the server's roles, so each role is named after the database.
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
    // The role does not exist yet, and replaying on the scratch database does not create it.
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

/// Up, down and up again on a scratch database, where code is monitored for changes to roles.
#[cfg(feature = "testing")]
#[tokio::test]
async fn scripts_with_transactions_of_their_own_pass_test_and_drift() {
    let stage = Stage::new(&TABLES).await;
    let code = "DO $$ BEGIN PERFORM count(*) FROM users; END $$";
    let up = format!(
        "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {code}; CREATE TABLE a (); COMMIT; {code}; CREATE TABLE b ();"
    );
    stage.write("migrations/0003_own.up.sql", &up);
    let down = format!(
        "BEGIN READ ONLY; {code}; COMMIT; BEGIN; {code}; ROLLBACK; DROP TABLE a; {code}; COMMIT; DROP TABLE b;"
    );
    stage.write("migrations/0003_own.down.sql", &down);
    stage.write("migrations/0004_mood.up.sql", &format!("CREATE TYPE mood AS ENUM ('sad'); COMMIT; {code}; ALTER TYPE mood ADD VALUE 'glad'; COMMIT; CREATE TABLE m (m mood DEFAULT 'glad');"));
    stage.write(
        "migrations/0004_mood.down.sql",
        &format!("BEGIN; DROP TABLE m; {code}; COMMIT; DROP TYPE mood;"),
    );
    for line in ["test", "up", "drift"] {
        let ran = stage.run(line);
        assert_eq!(ran.code, 0, "{line}: {} {}", ran.stdout, ran.stderr);
    }
}

#[tokio::test]
async fn drift_since_the_last_run_needs_no_scratch_database() {
    let stage = Stage::new(&TABLES).await;
    fs::create_dir(stage.path().join("backups")).unwrap();
    let mut told =
        stage.transcript(&["drift --kept", "up --snapshot-schema --backup backups", "drift --kept", "drift"]);
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
