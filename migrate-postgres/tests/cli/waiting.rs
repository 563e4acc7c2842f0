//! Another session holds the lock, or locks a table.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

const SLOW: (&str, &str) = ("0003_slow.up.sql", "SELECT pg_sleep(600);");

#[tokio::test]
async fn a_run_that_does_not_get_the_lock_says_who_has_it() {
    let stage = Stage::new(&[&TABLES[..], &[SLOW]].concat()).await;
    let mut other = stage.spawn("up");
    stage.until_asleep().await;
    let lines = ["up --lock-wait 100ms", "up --lock-wait 100ms --json"];
    assert_snapshot("lock_held.txt", &stage.transcript(&lines));
    stage.end_all().await;
    other.wait().unwrap();
}

#[tokio::test]
async fn a_run_that_waits_for_longer_knows_whom_for_too() {
    let stage = Stage::new(&[&TABLES[..], &[SLOW]].concat()).await;
    let mut other = stage.spawn("up");
    stage.until_asleep().await;
    let ran = stage.run("up --lock-wait 2100ms");
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.stderr.contains("; it is held by pid ") && ran.stderr.contains(" for pid "), "{ran:?}");
    stage.end_all().await;
    other.wait().unwrap();
}

#[tokio::test]
async fn a_table_that_stays_locked_is_told_with_who_locks_it() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("migrations/0003_more.up.sql", "ALTER TABLE users ADD n int;");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'report'; BEGIN; SELECT * FROM users").await.unwrap();
    let ran = stage.run("up --lock-timeout 1s --retry-for 0s");
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.stderr.contains("\nblocked by: pid ") && ran.stderr.contains(" (report), for "), "{ran:?}");
    assert!(
        ran.stderr.contains("\n  migrate up --lock-timeout 1s --retry-for 0s  # continues with it\n"),
        "{ran:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_of_a_supervisor_or_a_closed_terminal_ends_a_run_as_ctrl_c_does() {
    for (signal, code, said) in [("TERM", 143, "terminated by SIGTERM"), ("HUP", 129, "ended by SIGHUP")] {
        let stage = Stage::new(&[&TABLES[..], &[SLOW]].concat()).await;
        let child = stage.spawn("up");
        stage.until_asleep().await;
        stage.send(signal, &child);
        let ran = stage.ran(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, code);
        assert!(ran.stderr.contains(&format!("error: {said}; the migration in progress")), "{ran:?}");
        stage.until_gone().await;
        assert_eq!(stage.value("SELECT count(*) FROM migrate_history WHERE live").await, "2");
        assert_eq!(stage.value(LAST).await, "apply interrupted");
    }
}

/// The last attempt's result.
const LAST: &str = "SELECT action || ' ' || outcome FROM migrate_history ORDER BY seq DESC LIMIT 1";

/// One source: every command during a run names the running migration, and does not advise ending the run.
#[tokio::test]
async fn every_command_tells_of_the_run_that_is_under_way() {
    let in_a_transaction = ("0003_slow.up.sql", "ALTER TABLE users ADD n int; SELECT pg_sleep(600);");
    let by_statements = ("0003_slow.up.sql", "SELECT 1; SELECT pg_sleep(600); VACUUM users;");
    for (slow, at) in [(in_a_transaction, ""), (by_statements, ", statement 2 of 3")] {
        let stage = Stage::new(&[&TABLES[..], &[slow]].concat()).await;
        let mut other = stage.spawn("up");
        stage.until_asleep().await;
        for command in ["status", "plan", "up --dry-run", "preflight"] {
            let said = stage.run(command).stdout;
            let told = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_told =
                told.contains("0003_slow is being applied by pid ") && told.contains(&format!("{at}, for "));
            assert!(is_told, "{command}: {said}");
            assert!(
                !said.contains("pg_terminate_backend") && !said.contains("applies pending migrations"),
                "{command}: {said}"
            );
            if command != "preflight" {
                let json = stage.run(&format!("{command} --json")).stdout;
                let json: serde_json::Value = serde_json::from_str(&json).unwrap();
                assert_eq!(json["running"]["name"], "0003_slow", "{command}: {json}");
                assert!(json["running"]["pid"].is_number(), "{command}: {json}");
            }
        }
        stage.run("report --html page.html");
        let page = std::fs::read_to_string(stage.path().join("page.html")).unwrap();
        assert!(page.contains("is being applied by pid "), "{at}");
        stage.end_all().await;
        other.wait().unwrap();
        let said = stage.run("status").stdout;
        assert!(!said.contains("is being applied"), "{said}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_a_run_and_says_what_becomes_of_it() {
    let stage = Stage::new(&[&TABLES[..], &[SLOW]].concat()).await;
    let child = stage.spawn("up");
    stage.until_asleep().await;
    stage.send("INT", &child);
    let ran = stage.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130);
    assert!(ran.stderr.contains("error: interrupted; the migration in progress is rolled back"), "{ran:?}");
    assert_eq!(stage.value(LAST).await, "apply interrupted");
    stage.end_all().await;
    assert_eq!(stage.value("SELECT count(*) FROM migrate_history WHERE live").await, "2");
}
