//! One server and one template for many processes, however they end.

use crate::process::{Process, Temp, eventually, is_alive, kill, part, say};
use migrate_postgres::testing::{self, Server};
use migrate_postgres::{Migrator, migrate};
use std::collections::HashSet;
use std::thread;
use tokio_postgres::NoTls;

static SET: Migrator = migrate!("fixtures/flat");

const PLAYER: &str = "shared::a_process_with_a_database";

/// Not a test, but the other processes' part in the tests.
#[tokio::test]
async fn a_process_with_a_database() {
    let Some(part) = part() else { return };
    let server = testing::shared_server().unwrap_or_else(|error| panic!("{error}"));
    let database = testing::fresh_database(&SET).await.unwrap_or_else(|error| panic!("{error}"));
    let client = database.connect().await.unwrap();
    // The time at which a migration was applied distinguishes templates.
    let run = client.query_one("SELECT DISTINCT run_id::text FROM migrate_history", &[]).await.unwrap();
    say("run", run.get(0));
    say("database", database.name());
    say("server", &server.pid().map_or("none".to_owned(), |pid| pid.to_string()));
    say("others", &others(server, database.name()).await.join(","));
    match part.as_str() {
        "hold" => loop {
            thread::park();
        },
        "fail" => panic!("as it was told to"),
        _ => {}
    }
}

/// The databases of tests, except one.
async fn others(server: &Server, but: &str) -> Vec<String> {
    let (client, connection) = server.config("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT datname::text FROM pg_database WHERE datname LIKE 'migrate_clone_%' AND datname <> $1";
    client.query(sql, &[&but]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn processes_at_the_same_time_share_a_server_and_apply_the_set_once() {
    let temp = Temp::new();
    let started: Vec<_> = (0..4).map(|_| temp.start(PLAYER, "end")).collect();
    let ended: Vec<_> = started.into_iter().map(Process::end).collect();
    assert!(ended.iter().all(|ended| ended.status.success()), "{ended:#?}");
    let said = |what: &str| ended.iter().map(|ended| ended.said[what].clone()).collect::<HashSet<_>>();
    assert_eq!((said("server").len(), said("run").len(), said("database").len()), (1, 1, 4), "{ended:#?}");
}

#[test]
fn the_template_is_kept_between_runs_and_the_server_is_not() {
    let temp = Temp::new();
    let first = temp.run(PLAYER, "end");
    eventually("the server is gone", || !is_alive(&first.said["server"]));
    eventually("the watchdog is gone", || temp.processes().is_empty());
    let second = temp.run(PLAYER, "end");
    assert_ne!(first.said["server"], second.said["server"]);
    assert_eq!(first.said["run"], second.said["run"]);
}

#[test]
fn the_database_of_a_killed_process_is_dropped_by_the_next() {
    let temp = Temp::new();
    let mut killed = temp.start(PLAYER, "hold");
    let database = killed.said("database");
    let mut alive = temp.start(PLAYER, "hold");
    let kept = alive.said("database");
    killed.kill();
    eventually("it is dropped", || !temp.run(PLAYER, "end").said["others"].contains(&database));
    assert!(
        temp.run(PLAYER, "end").said["others"].contains(&kept),
        "the database of a process at work stays"
    );
}

#[test]
fn the_database_of_a_failed_test_is_kept_until_the_test_passes() {
    let temp = Temp::new();
    let failed = temp.run(PLAYER, "fail");
    assert!(!failed.status.success());
    let (_, url) =
        failed.text.split_once("the test's database is kept: ").unwrap_or_else(|| panic!("{}", failed.text));
    let url = url.split_whitespace().next().unwrap();
    assert_eq!(applied(url), SET.set().len());

    // Regardless of other tests running in the meantime.
    let database = &failed.said["database"];
    assert!(temp.run("shared::another_process_with_a_database", "end").said["others"].contains(database));
    assert_eq!(applied(url), SET.set().len());
    assert!(!temp.run(PLAYER, "end").said["others"].contains(database));
}

#[tokio::test]
async fn another_process_with_a_database() {
    if part().is_some() {
        let server = testing::shared_server().unwrap();
        let database = testing::fresh_database(&SET).await.unwrap();
        say("others", &others(server, database.name()).await.join(","));
    }
}

/// The number of migrations in the history at a URL, as another program reads it.
fn applied(url: &str) -> usize {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.query("SELECT FROM migrate_history", &[]).await.unwrap().len()
    })
}

#[test]
fn a_killed_watchdog_is_replaced_by_the_next_process() {
    let temp = Temp::new();
    let mut first = temp.start(PLAYER, "hold");
    let server = first.said("server");
    let watchdog = temp.watchdog().unwrap();
    kill(&watchdog);
    eventually("the watchdog is gone", || !is_alive(&watchdog));
    assert_eq!(temp.run(PLAYER, "end").said["server"], server);
    assert!(is_alive(&server));
    first.kill();
    eventually("the server is gone", || !is_alive(&server));
}

#[test]
fn a_crashed_server_is_started_anew() {
    let temp = Temp::new();
    let mut first = temp.start(PLAYER, "hold");
    let server = first.said("server");
    kill(&server);
    eventually("the server is gone", || !is_alive(&server));
    let second = temp.run(PLAYER, "end");
    assert!(second.status.success(), "{}", second.text);
    assert_ne!(second.said["server"], server);
}

#[test]
fn a_process_that_is_killed_while_it_starts_the_server_is_no_hindrance() {
    for seen in ["run", "users", "run/data/postmaster.pid"] {
        let temp = Temp::new();
        let process = temp.start(PLAYER, "hold");
        let has_home = || {
            std::fs::read_dir(temp.path()).unwrap().flatten().any(|entry| entry.path().join(seen).exists())
        };
        eventually("it starts", has_home);
        process.kill();
        let second = temp.run(PLAYER, "end");
        assert!(second.status.success(), "{seen}: {}", second.text);
        eventually("nothing runs", || temp.processes().is_empty());
    }
}
