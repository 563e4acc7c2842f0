//! The test server, from the user's point of view. Leftovers of a process are visible only to other
//! processes, so some tests run this binary again, in the part that `PART` names.

mod helpers;

use helpers::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::{env, thread};

use migrate_postgres::testing::{self, Binaries, Server, ShutdownMode, TestingError};
use tokio_postgres::NoTls;

// ---------------------------------------------------------------- a server and its databases

#[tokio::test]
async fn each_test_gets_an_empty_database() {
    let server = testing::server().unwrap();
    let first = server.database().await.unwrap();
    let second = server.database().await.unwrap();
    assert_ne!(first.name(), second.name());
    first.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
    second.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
}

#[tokio::test]
async fn a_dropped_database_is_gone_with_its_connections() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let name = database.name().to_owned();
    let client = database.connect().await.unwrap();
    drop(database);
    assert!(!exists(&server, &name).await);
    assert!(client.simple_query("SELECT").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_can_be_dropped_on_any_runtime_and_on_none() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let name = database.name().to_owned();
    tokio::spawn(async move { drop(database) }).await.unwrap();
    assert!(!exists(&server, &name).await);

    let database = server.database().await.unwrap();
    let name = database.name().to_owned();
    thread::spawn(move || drop(database)).join().unwrap();
    assert!(!exists(&server, &name).await);
}

#[tokio::test]
async fn a_closed_database_says_why_it_stays() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'open'").await.unwrap();
    let name = database.name().to_owned();
    let error = database.close().await.unwrap_err();
    assert!(matches!(&error, TestingError::Database { action: "drop", database, .. } if *database == name));
    assert!(error.to_string().contains("prepared transaction"), "{error}");
}

#[tokio::test]
async fn many_databases_can_be_made_at_once() {
    let server: &'static Server = testing::server().unwrap();
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(server.database())).collect();
    for task in tasks {
        task.await.unwrap().unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn the_url_leads_to_the_database() {
    let database = testing::server().unwrap().database().await.unwrap();
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    assert_eq!(name, database.name());
}

#[tokio::test]
async fn the_version_of_the_programs_is_the_version_of_the_server() {
    let server = Server::start().unwrap();
    assert_eq!(server.version_num().to_string(), show(&server, "server_version_num").await);
    assert!(server.bin_dir().unwrap().join("postgres").is_file());
}

#[tokio::test]
async fn settings_reach_the_server_and_can_be_altered_there() {
    let server = Server::builder().setting("wal_level", "logical").setting("app.name", "it's \\ x");
    let server = server.start().unwrap();
    assert_eq!(show(&server, "wal_level").await, "logical");
    assert_eq!(show(&server, "app.name").await, "it's \\ x");
    assert_eq!(show(&server, "listen_addresses").await, "");
    assert_eq!(show(&server, "synchronous_commit").await, "on");

    connect(&server).await.batch_execute("ALTER SYSTEM SET wal_level = minimal").await.unwrap();
    connect(&server).await.batch_execute("ALTER SYSTEM SET max_wal_senders = 0").await.unwrap();
    server.restart().unwrap();
    assert_eq!(show(&server, "wal_level").await, "minimal");
}

#[test]
fn a_server_that_does_not_start_says_what_its_log_says_and_leaves_nothing() {
    let temp = Temp::new();
    let mut child = temp.play("bad setting");
    let text = child.rest();
    assert!(text.contains("unrecognized configuration parameter \"no_such_setting\""), "{text}");
    eventually("nothing is left", || temp.entries().is_empty());
}

#[tokio::test]
async fn data_stays_over_every_kind_of_stop() {
    let server = Server::start().unwrap();
    run(&server, "CREATE TABLE t AS SELECT 1 AS n").await;
    for mode in [ShutdownMode::Smart, ShutdownMode::Fast, ShutdownMode::Immediate] {
        let pid = server.pid().unwrap();
        server.stop(mode).unwrap();
        assert_eq!(server.pid(), None);
        assert!(!is_alive(pid));
        server.stop(mode).unwrap();
        server.restart().unwrap();
        assert_ne!(server.pid(), Some(pid));
        run(&server, "INSERT INTO t VALUES (2)").await;
    }
    let rows = connect(&server).await.query("SELECT FROM t", &[]).await.unwrap();
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn a_crashed_server_recovers_at_a_restart() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    client.batch_execute("CREATE TABLE t ()").await.unwrap();
    let pid = server.pid().unwrap();
    kill("KILL", &pid.to_string());
    eventually("the server is gone", || server.pid().is_none());
    server.restart().unwrap();
    connect(&server).await.batch_execute("SELECT FROM t").await.unwrap();
    assert!(server.log().unwrap().contains("automatic recovery in progress"));
}

#[test]
fn a_dropped_server_is_gone_with_its_folder() {
    let server = Server::start().unwrap();
    let (pid, folder) = (server.pid().unwrap(), server.socket_dir().unwrap().to_owned());
    assert!(is_alive(pid) && folder.exists());
    drop(server);
    assert!(!is_alive(pid) && !folder.exists());
}

#[test]
fn as_root_the_server_runs_as_another_user() {
    let server = Server::start().unwrap();
    let folder = fs::metadata(server.socket_dir().unwrap()).unwrap();
    assert_ne!(folder.uid(), 0);
    assert_eq!(folder.mode() & 0o777, 0o700);
}

#[test]
fn a_folder_without_a_server_in_it_is_named() {
    let error = Server::builder().binaries("/etc").start().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/etc` (from `Binaries::at`) contains no `postgres` and `initdb`: name the `bin` folder of a PostgreSQL server"
    );
}

// ---------------------------------------------------------------- the environment

#[test]
fn migrate_test_pg_bin_names_the_server_and_nothing_else_is_tried() {
    let temp = Temp::new();
    let dir = Binaries::find().unwrap().dir().to_owned();
    let mut child = temp.part("hold").env("MIGRATE_TEST_PG_BIN", &dir).env("PATH", "/nowhere").play();
    assert_eq!(child.said("bin"), dir.to_str().unwrap());

    let text = temp.part("hold").env("MIGRATE_TEST_PG_BIN", "/etc").play().rest();
    assert!(text.contains("`/etc` (from MIGRATE_TEST_PG_BIN) contains no `postgres`"), "{text}");
}

#[tokio::test]
async fn the_server_of_database_url_is_used_and_left_as_it_was() {
    let server = Server::builder().setting("log_statement", "ddl").start().unwrap();
    let temp = Temp::new();
    let mut child = temp.part("database").env("DATABASE_URL", server.url("postgres")).play();
    let name = child.said("database");
    assert_eq!(child.said("pid"), "None");
    assert_eq!(child.said("version"), server.version_num().to_string());
    assert!(child.status().success());
    assert!(!exists(&server, &name).await);
    // Created there, and nowhere else.
    assert!(temp.entries().is_empty());
    assert!(server.log().unwrap().contains(&name));
}

#[tokio::test]
async fn a_panic_keeps_the_database_of_database_url_and_shows_its_url_without_the_password() {
    let server = Server::start().unwrap();
    let temp = Temp::new();
    let url = server.url("postgres").replace("postgres@", "postgres:secret@");
    let mut child = temp.part("panic").env("DATABASE_URL", url).play();
    let name = child.said("database");
    let text = child.rest();
    assert!(text.contains(&format!("the test's database is kept: {}", server.url(&name))), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(exists(&server, &name).await);
}

#[test]
fn a_panic_on_a_server_of_its_own_says_nothing() {
    let temp = Temp::new();
    let mut child = temp.play("panic");
    child.said("database");
    let text = child.rest();
    assert!(!text.contains("is kept"), "{text}");
}

#[test]
fn a_database_url_that_leads_nowhere_is_an_error_without_its_password() {
    let temp = Temp::new();
    let url = format!("host={} user=u password=secret", temp.path.display());
    let text = temp.part("hold").env("DATABASE_URL", url).play().rest();
    assert!(text.contains("can't connect to the database `u` of the test server"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn two_processes_that_start_at_once_share_one_template() {
    let temp = Temp::new();
    let cache = Temp::new();
    let play = || temp.part("hold").env("XDG_CACHE_HOME", &cache.path).play();
    let (mut first, mut second) = (play(), play());
    assert_ne!(first.said("pid"), second.said("pid"));
    let templates = fs::read_dir(cache.path.join("migrate-postgres")).unwrap();
    let complete = templates.flatten().filter(|entry| entry.path().join("complete").is_file());
    assert_eq!(complete.count(), 1);
}

#[test]
fn a_temporary_folder_of_roots_own_is_passed_over() {
    let temp = Temp::new();
    if fs::metadata(&temp.path).unwrap().uid() != 0 {
        return;
    }
    fs::set_permissions(&temp.path, Permissions::from_mode(0o700)).unwrap();
    let mut child = temp.play("end");
    assert!(child.said("folder").starts_with("/tmp/migrate-pg-"));
    assert!(temp.entries().is_empty());
}

#[test]
fn a_home_that_is_another_users_gets_nothing_of_roots() {
    let temp = Temp::new();
    if fs::metadata(&temp.path).unwrap().uid() != 0 {
        return;
    }
    let home = Temp::new();
    chown(&home.path, Some(65534), Some(65534)).unwrap();
    let mut child = temp.part("end").env("HOME", &home.path).env_remove("XDG_CACHE_HOME").play();
    assert!(child.status().success());
    assert_eq!(fs::read_dir(&home.path).unwrap().count(), 0);
}

#[test]
fn a_user_without_a_home_gets_a_server_too() {
    // Only root can change to another user.
    let temp = Temp::new();
    if fs::metadata(&temp.path).unwrap().uid() != 0 {
        return;
    }
    chown(&temp.path, Some(65534), Some(65534)).unwrap();
    let mut part = temp.part("hold");
    part.uid(65534).gid(65534).env("HOME", "/nonexistent").env_remove("XDG_CACHE_HOME");
    let mut child = part.play();
    let folder = PathBuf::from(child.said("folder"));
    assert_eq!(fs::metadata(&folder).unwrap().uid(), 65534);
    assert!(temp.path.join("migrate-postgres-cache-65534").is_dir());
    child.kill();
    eventually("the folder is gone", || !folder.exists());
}

// ---------------------------------------------------------------- leftovers of a process

#[test]
fn nothing_is_left_of_a_process_that_ends() {
    let temp = Temp::new();
    let mut child = temp.play("end");
    let pid = child.said("pid").parse().unwrap();
    assert!(child.status().success());
    eventually("the server is gone", || !is_alive(pid));
    eventually("nothing is left", || temp.entries().is_empty());
}

#[test]
fn nothing_is_left_of_a_process_that_is_killed() {
    let temp = Temp::new();
    let mut child = temp.play("hold");
    let pid = child.said("pid").parse().unwrap();
    assert!(is_alive(pid) && Path::new(&child.said("folder")).exists());
    child.kill();
    eventually("the server is gone", || !is_alive(pid));
    eventually("nothing is left", || temp.entries().is_empty());
}

#[test]
fn nothing_is_left_of_a_process_that_is_killed_with_its_group() {
    let temp = Temp::new();
    let mut child = temp.part("hold").process_group(0).play();
    let pid = child.said("pid").parse().unwrap();
    kill("KILL", &format!("-{}", child.process.id()));
    eventually("the server is gone", || !is_alive(pid));
    eventually("nothing is left", || temp.entries().is_empty());
}

#[test]
fn nothing_is_left_of_a_process_that_is_killed_while_it_starts() {
    // When the folder first appears, and while initdb is running.
    for (seen, cache) in [("lock", None), ("data", Some(Temp::new())), ("data/postmaster.pid", None)] {
        let temp = Temp::new();
        let mut part = temp.part("hold");
        if let Some(cache) = &cache {
            part.env("XDG_CACHE_HOME", &cache.path);
        }
        let mut child = part.play();
        eventually("it starts", || temp.entries().iter().any(|folder| folder.join(seen).exists()));
        child.kill();
        if seen == "lock" {
            // Killed before it had a watchdog: the next start cleans up.
            temp.play("end").rest();
        }
        eventually("nothing is left", || temp.entries().is_empty() && processes_with(&temp.path).is_empty());
    }
}

#[test]
fn what_is_left_when_the_watchdog_is_killed_too_goes_at_the_next_start() {
    let temp = Temp::new();
    let mut first = temp.play("hold");
    let pid = first.said("pid").parse().unwrap();
    let folder = PathBuf::from(first.said("folder"));
    let watchdog = processes_with(Path::new("migrate-pg-watchdog"))
        .into_iter()
        .find(|(_, command)| command.contains(folder.to_str().unwrap()));
    kill("KILL", &watchdog.unwrap().0.to_string());
    first.kill();
    assert!(is_alive(pid) && folder.exists());

    let mut second = temp.play("hold");
    let other = PathBuf::from(second.said("folder"));
    assert_ne!(folder, other);
    assert!(!folder.exists() && other.exists());
    eventually("the server is gone", || !is_alive(pid));
}

#[test]
fn a_server_in_use_is_not_swept() {
    let temp = Temp::new();
    let (mut first, mut second) = (temp.play("hold"), temp.play("hold"));
    let pids = [first.said("pid"), second.said("pid")];
    temp.play("end").rest();
    assert!(pids.iter().all(|pid| is_alive(pid.parse().unwrap())));
    assert!(temp.entries().len() >= 2);
}

/// Not a test, but the other processes' part in the tests.
#[tokio::test]
async fn another_process() {
    let Ok(part) = env::var(PART) else { return };
    if part == "bad setting" {
        panic!("{}", Server::builder().setting("no_such_setting", "1").start().unwrap_err());
    }
    let server = testing::server().unwrap_or_else(|error| panic!("{error}"));
    let database = match part.as_str() {
        "database" | "panic" => Some(server.database().await.unwrap()),
        _ => None,
    };
    if let Some(database) = &database {
        say("database", database.name());
    }
    say("pid", &server.pid().map_or("None".to_owned(), |pid| pid.to_string()));
    say("version", &server.version_num().to_string());
    if let (Some(folder), Some(dir)) = (server.socket_dir(), server.bin_dir()) {
        say("folder", &folder.display().to_string());
        say("bin", &dir.display().to_string());
    }
    match part.as_str() {
        "hold" => loop {
            thread::park();
        },
        "panic" => panic!("as it was told to"),
        _ => {}
    }
}
