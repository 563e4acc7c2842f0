//! The same tests under `cargo nextest`, which runs each in its own process, and on a server of
//! `DATABASE_URL`.

use crate::process::{Process, Temp};
use migrate_postgres::testing::{Server, TestingError};
use migrate_postgres::{Migrator, migrate};
use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::{env, fs};
use tokio_postgres::NoTls;

static SET: Migrator = migrate!("fixtures/flat");

const TOLD: &str = "attribute::a_test_that_does_as_it_is_told";

async fn names(server: &Server, sql: &str) -> Vec<String> {
    let (client, connection) = server.config("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn databases(server: &Server, like: &str) -> Vec<String> {
    names(server, &format!("SELECT datname::text FROM pg_database WHERE datname LIKE '{like}'")).await
}

#[tokio::test]
async fn processes_that_race_on_the_server_of_database_url_make_one_template_and_drop_the_rest() {
    let server = Server::start().unwrap();
    let temp = Temp::new();
    let start = |_| {
        let mut command = temp.command("shared::a_process_with_a_database", "end");
        Process::start(command.env("DATABASE_URL", server.url("postgres")))
    };
    let started: Vec<Process> = (0..4).map(start).collect();
    let ended: Vec<_> = started.into_iter().map(Process::end).collect();
    let runs: HashSet<_> =
        ended.iter().map(|ended| ended.said.get("run").unwrap_or_else(|| panic!("{}", ended.text))).collect();
    assert_eq!(runs.len(), 1);
    assert!(ended.iter().all(|ended| ended.said["server"] == "none"));
    assert_eq!(databases(&server, "migrate_template_%").await.len(), 1);
    assert_eq!(databases(&server, "migrate_clone_%").await, [""; 0]);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0, "no server of their own");
}

#[tokio::test]
async fn the_database_of_a_failed_test_is_kept_on_the_server_of_database_url_without_the_password() {
    let server = Server::start().unwrap();
    let temp = Temp::new();
    let url = server.url("postgres").replace("postgres@", "postgres:secret@");
    let run = |part| Process::start(temp.command(TOLD, part).env("DATABASE_URL", &url)).end();
    let failed = run("panic");
    let kept = format!("the test's database is kept: {}", server.url(&failed.said["database"]));
    assert!(failed.text.contains(&kept) && !failed.text.contains("secret"), "{}", failed.text);
    assert_eq!(run("pass").said["others"], "");
}

#[tokio::test]
async fn a_user_of_database_url_needs_no_more_than_createdb() {
    let server = Server::start().unwrap();
    let (client, connection) = server.config("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE ROLE tester LOGIN CREATEDB").await.unwrap();
    let tester = Server::at(&server.url("postgres").replace("postgres@", "tester@")).unwrap();
    let database = tester.fresh_database(&SET).await.unwrap();
    tester.fresh_schema(&SET).await.unwrap().close().await.unwrap();
    database.close().await.unwrap();
    assert_eq!(databases(&server, "migrate_clone_%").await, [""; 0]);

    client.batch_execute("ALTER ROLE tester NOCREATEDB").await.unwrap();
    let tester = Server::at(&server.url("postgres").replace("postgres@", "tester@")).unwrap();
    let error = tester.fresh_schema(&SET).await.unwrap_err();
    assert!(matches!(error, TestingError::NoCreateDb { role } if role == "tester"));
}

/// The crate's own tests of the attribute, from the running binary: nothing is built.
#[test]
fn cargo_nextest_runs_each_test_in_a_process_of_its_own_on_one_server() {
    let is_there =
        Command::new("cargo-nextest").args(["nextest", "--version"]).stdout(Stdio::null()).status();
    if !is_there.is_ok_and(|status| status.success()) {
        migrate_tests::skipped("cargo-nextest");
        return;
    }
    let temp = Temp::new();
    let metadata = temp.path().join("binaries.json");
    fs::write(&metadata, binaries_metadata()).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output();
    let cargo_metadata = temp.path().join("cargo.json");
    fs::write(&cargo_metadata, cargo.unwrap().stdout).unwrap();
    let output = Command::new("cargo-nextest")
        .args(["nextest", "run", "--no-fail-fast", "--color=never", "--test-threads=4"])
        .arg("--binaries-metadata")
        .arg(&metadata)
        .arg("--cargo-metadata")
        .arg(&cargo_metadata)
        .args(["-E", "test(/^attribute::a_test_/)"])
        .env("TMPDIR", temp.path())
        .env_remove("DATABASE_URL")
        .env_remove("NEXTEST")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("12 passed") && !text.contains("LEAK"), "{text}");
    let homes = fs::read_dir(temp.path()).unwrap().flatten();
    let homes: Vec<_> = homes.map(|home| home.path()).filter(|home| home.join("run").is_dir()).collect();
    assert_eq!(homes.len(), 1, "one server for twelve processes");
    let log = fs::read_to_string(homes[0].join("run/log")).unwrap();
    assert_eq!(log.matches("database system is ready").count(), 1, "{log}");
}

/// The output of `cargo nextest list --list-type binaries-only --message-format json` for this binary.
fn binaries_metadata() -> String {
    let binary = env::current_exe().unwrap();
    let deps = binary.parent().unwrap();
    let target = deps.ancestors().nth(2).unwrap();
    let package =
        format!("path+file://{}#migrate-tests@{}", env!("CARGO_MANIFEST_DIR"), env!("CARGO_PKG_VERSION"));
    format!(
        r#"{{"rust-build-meta":{{"target-directory":{target:?},"base-output-directories":["debug"],
            "non-test-binaries":{{}},"build-script-out-dirs":{{}},"linked-paths":[],"target-platforms":[],"target-platform":null}},
            "rust-binaries":{{"migrate-tests::testing":{{"binary-id":"migrate-tests::testing","binary-name":"testing",
            "package-id":{package:?},"kind":"test","binary-path":{binary:?},"build-platform":"target"}}}}}}"#
    )
}
