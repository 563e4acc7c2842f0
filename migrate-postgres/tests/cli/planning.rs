//! `plan` and `plan --rehearse`: the locks that pending migrations would take, and those they really take.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

/// Migrations whose statements lock a table in several ways, one with unknown locks, and one outside
/// transactions.
const PENDING: [(&str, &str); 3] = [
    (
        "0003_wider.up.sql",
        "ALTER TABLE users ALTER id TYPE numeric;\nCREATE INDEX by_id ON posts (id);\n\
         CREATE TABLE tags (author bigint);\nINSERT INTO tags VALUES (1);",
    ),
    ("0004_code.up.sql", "DO $$ BEGIN PERFORM 1; END $$;"),
    ("0005_index.up.sql", "CREATE INDEX CONCURRENTLY by_author ON tags (author);"),
];

/// A stage with the tables applied and the rest pending.
async fn pending(files: &[(&str, &str)]) -> Stage {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    for (name, text) in files {
        stage.write(&format!("migrations/{name}"), text);
    }
    stage
}

#[tokio::test]
async fn a_plan_says_what_each_statement_locks_and_how_large_that_is() {
    let stage = pending(&PENDING).await;
    assert_snapshot(
        "plan.txt",
        &stage.transcript(&["plan", "plan --to 0003 --json", "down --dry-run --json"]),
    );
}

#[tokio::test]
async fn a_rehearsal_says_what_was_really_locked_and_leaves_nothing() {
    let stage = pending(&PENDING).await;
    let lines = ["plan --rehearse", "plan --rehearse --to 0003 --json", "plan --rehearse --to 0002"];
    assert_snapshot("rehearsal.txt", &stage.transcript(&lines));
    assert_eq!(stage.value("to_regclass('tags')").await, "");
    assert_eq!(stage.run("status").code, 3);
}

#[tokio::test]
async fn a_rehearsal_of_what_would_fail_fails_and_leaves_nothing() {
    let failing = ("0003_count.up.sql", "ALTER TABLE users ADD n int;\nUPDATE users SET n = nope;\n");
    let stage = pending(&[failing]).await;
    assert_snapshot(
        "rehearsal_failed.txt",
        &stage.transcript(&["plan --rehearse", "plan --rehearse --json"]),
    );
    assert_eq!(stage.value("SELECT count(*) FROM migrate_history WHERE outcome = 'failed'").await, "0");
}

#[tokio::test]
async fn a_rehearsal_that_takes_too_long_or_waits_for_a_table_says_so() {
    let stage = pending(&[("0003_slow.up.sql", "SELECT pg_sleep(600);")]).await;
    let slow = stage.run("plan --rehearse --limit 300ms");
    assert_eq!(slow.code, 7, "{slow:?}");
    assert!(
        slow.stdout.contains("the rehearsal exceeded its limit of 300.0ms in 0003_slow; nothing was changed"),
        "{slow:?}"
    );
    stage.write("migrations/0003_slow.up.sql", "ALTER TABLE users ADD n int;");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'report'; BEGIN; SELECT * FROM users").await.unwrap();
    let waited = stage.run("plan --rehearse --lock-timeout 200ms");
    assert_eq!(waited.code, 6, "{waited:?}");
    assert!(waited.stdout.contains("(report)"), "{waited:?}");
}

/// The commands of the program know what the project has accepted, as those of a service do.
#[tokio::test]
async fn a_plan_takes_the_approvals_of_the_configuration() {
    let drop = ("0003_drop.up.sql", "ALTER TABLE users DROP COLUMN id;");
    let stage = Stage::new(&[&TABLES[..], &[drop]].concat()).await;
    stage.done("up --to 0002");
    let counts = || {
        let plan: serde_json::Value = serde_json::from_str(&stage.run("plan --json").stdout).unwrap();
        let of_rule = |list: &str| {
            let findings = plan[list].as_array().unwrap().iter();
            findings.filter(|finding| finding["rule"] == "drop-column").count()
        };
        (of_rule("findings"), of_rule("approved"))
    };
    assert_eq!(counts(), (1, 0));
    let allow = "[[lint.allow]]\nmigration = \"0003\"\nrule = \"drop-column\"\nreason = \"unused\"\n";
    stage.write("migrate.toml", allow);
    assert_eq!(counts(), (0, 1));
    stage.done("up");
    let recorded =
        "SELECT string_agg(version || ' ' || rule || ' ' || reason, ',') FROM migrate_history_approval";
    assert_eq!(stage.value(recorded).await, "3 drop-column unused");
    stage.write("migrate.toml", "[lint]\nallow = 3\n");
    assert!(
        stage.run("plan").stderr.contains("migrate.toml:2:9: expected tables"),
        "{:?}",
        stage.run("plan")
    );
}
