//! Output and exit codes of the commands that apply migrations, and of those that only read.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use serde_json::Value;

#[tokio::test]
async fn a_database_is_looked_at_migrated_and_verified() {
    let stage = Stage::new(&TABLES).await;
    let lines = [
        "status",
        "plan",
        "plan --to 0001",
        "up --dry-run",
        "up",
        "up",
        "status",
        "plan",
        "verify",
        "history",
    ];
    assert_snapshot("forward.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn json_is_one_document_of_a_documented_shape() {
    let stage = Stage::new(&TABLES).await;
    let lines =
        ["status --json", "plan --json", "up --json", "status --json", "verify --json", "history --json"];
    assert_snapshot("forward.json.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn the_exit_code_of_the_process_is_the_one_in_the_document() {
    let stage = Stage::new(&TABLES).await;
    for line in ["status --json", "up --to 7 --json", "up --json", "down --all --yes --json", "check --json"]
    {
        let ran = stage.run(line);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["exit_code"], ran.code, "{line}");
        assert_eq!(document["command"], line.split(' ').next().unwrap());
        assert_eq!(ran.stderr, "", "{line}");
    }
}

#[tokio::test]
async fn a_baseline_marks_and_runs_nothing() {
    let stage = Stage::new(&TABLES).await;
    let lines = ["baseline 0001 --dry-run", "baseline 0001 --unchecked", "up", "baseline 0001"];
    assert_snapshot("baseline.txt", &stage.transcript(&lines));
    assert_eq!(stage.value("to_regclass('users')").await, "");
}

#[tokio::test]
async fn colours_and_borders_are_for_terminals_unless_they_are_asked_for() {
    let stage = Stage::new(&TABLES).await;
    assert!(!stage.run("status").stdout.contains(['\u{1b}', '│']));
    assert!(stage.run("status --color always").stdout.contains("\u{1b}["));
    let help = stage.done("down --help").stdout;
    assert!(help.contains("Examples:\n") && !help.contains('\u{1b}'), "{help}");
}

#[tokio::test]
async fn a_set_has_its_own_name_and_history() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up --set billing --history-schema ops --history-table log");
    assert_eq!(stage.value("SELECT string_agg(DISTINCT set_name, ',') FROM ops.log").await, "billing");
    assert_eq!(stage.run("status").code, 3, "the default set is another one");
    let next = stage.run("status --set other --folder ./migrations").stdout;
    assert!(next.contains("\n  migrate --folder ./migrations --set other up  #"), "{next}");
}

#[tokio::test]
async fn who_migrated_is_kept() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let who = stage.value("SELECT DISTINCT application_name || ' ' || program FROM migrate_history").await;
    assert_eq!(who, concat!("migrate (ada) migrate ", env!("CARGO_PKG_VERSION")));
}
