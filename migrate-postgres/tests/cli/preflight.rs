//! `preflight`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

const EMAIL: (&str, &str) = ("0003_email.up.sql", "ALTER TABLE users ADD email text;");

#[tokio::test]
async fn where_nothing_is_in_the_way_every_check_passes() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write(&format!("migrations/{}", EMAIL.0), EMAIL.1);
    assert_snapshot("preflight.txt", &stage.transcript(&["preflight", "preflight --json"]));
}

#[tokio::test]
async fn who_holds_a_table_to_be_touched_stops_or_warns_by_the_thresholds() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write(&format!("migrations/{}", EMAIL.0), EMAIL.1);
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'report'; BEGIN; SELECT * FROM users").await.unwrap();
    assert_snapshot("preflight_stop.txt", &stage.transcript(&["preflight"]));
    // A working transaction, unlike an idle one, is long-running only by its age.
    let working = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(600)").await });
    stage.until_asleep().await;
    let warned = stage.done("preflight --long-transaction 1h");
    assert!(warned.stdout.contains("sessions     warning  pid"), "{warned:?}");
    assert_eq!(stage.run("preflight --long-transaction 0s").code, 9);
    working.abort();
}

#[tokio::test]
async fn a_server_that_is_not_there_stops_and_so_does_a_missing_backup_that_is_asked_for() {
    let stage = Stage::new(&TABLES).await;
    let away = stage.run("preflight --database-url postgres://127.0.0.1:1/none --json");
    assert_eq!(away.code, 9, "{away:?}");
    let found: serde_json::Value = serde_json::from_str(&away.stdout).unwrap();
    assert_eq!((&found["verdict"], &found["findings"][0]["check"]), (&"stop".into(), &"connection".into()));
    let without = stage.run("preflight --backup-age 1h");
    assert_eq!(without.code, 9);
    assert!(
        without.stdout.contains("make a backup: the last one may not be older than 1 h 0 min"),
        "{without:?}"
    );
    assert_eq!(stage.run("preflight --lag lots").code, 2);
}
