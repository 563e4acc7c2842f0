//! Many replicas that boot at the same time.

use migrate_postgres::testing::{Database, Server};
use migrate_postgres::{LockKind, Migrator, Set};
use migrate_tests::sets::{Folder, folder_of};
use std::collections::VecDeque;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_postgres::Client;

const URL: &str = "MIGRATE_RACE_URL";
const FOLDER: &str = "MIGRATE_RACE_FOLDER";
const LEASE: &str = "MIGRATE_RACE_LEASE";

/// Transactional migrations that each leave a row, and three that build an index concurrently.
fn migrations() -> Folder {
    // Slow enough that a kill hits a working replica.
    let mut files = vec![(
        "01_effects.sql".to_owned(),
        "CREATE TABLE effects (migration int);\n\
         INSERT INTO effects VALUES (1);\n\
         CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql\n\
         AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN $1; END $$;"
            .to_owned(),
    )];
    for number in 2..=9 {
        let text = match number {
            3 | 5 | 7 => format!("CREATE INDEX CONCURRENTLY i{number} ON effects (slow(migration));"),
            _ => format!(
                "INSERT INTO effects VALUES ({number}); SELECT pg_sleep(0.2); CREATE TABLE t{number} ();"
            ),
        };
        files.push((format!("{number:02}_m.sql"), text));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    folder_of(&files)
}

/// A replica: this test binary, told to run one test, which boots and ends.
fn replica(url: &str, folder: &Folder, lease: bool) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_replica_boots", "--nocapture"])
        .env(URL, url)
        .env(FOLDER, folder.path())
        // Long enough for a busy machine, and short enough to wait for after its holder was killed.
        .envs(lease.then_some((LEASE, "yes")))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Does nothing unless run as a replica.
#[tokio::test]
async fn a_replica_boots() {
    let Ok(url) = std::env::var(URL) else { return };
    let set = Set::from_folder(std::env::var_os(FOLDER).unwrap()).unwrap();
    let mut migrator = Migrator::new(set);
    if std::env::var_os(LEASE).is_some() {
        migrator = migrator.lock(LockKind::Lease { expiry: Duration::from_secs(6) });
    }
    if let Err(error) = migrator.run(&url).await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn one(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Every effect is there once, no index is invalid, the history is correct, no lock is left, and the next run
/// has nothing to do.
async fn assert_done(database: &Database, folder: &Folder) {
    let client = database.connect().await.unwrap();
    let effects = client.query("SELECT migration FROM effects ORDER BY 1", &[]).await.unwrap();
    let effects: Vec<i32> = effects.iter().map(|row| row.get(0)).collect();
    assert_eq!(effects, [1, 2, 4, 6, 8, 9]);
    assert_eq!(one(&client, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    assert_eq!(one(&client, "SELECT count(*) FROM pg_indexes WHERE tablename = 'effects'").await, 3);
    let done = "SELECT count(*) FROM migrate_history WHERE live AND outcome = 'done' AND action = 'apply'";
    assert_eq!(one(&client, done).await, 9);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(one(&client, locks).await, 0);
    let set = Set::from_folder(folder.path()).unwrap();
    assert!(Migrator::new(set).run(database.url()).await.unwrap().is_noop());
}

/// A crowd takes up to two connections for each of its replicas.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::builder().setting("max_connections", "300").start().unwrap())
}

/// One crowd at a time: the server has connections for one, and so has the machine.
static CROWD: Mutex<()> = Mutex::const_new(());

/// Sixty-four replicas boot at once: one migrates, the others wait.
async fn race(lease: bool) {
    let _alone = CROWD.lock().await;
    let database = server().database().await.unwrap();
    let folder = migrations();
    let replicas: Vec<Child> = (0..64).map(|_| replica(database.url(), &folder, lease)).collect();
    for replica in replicas {
        let output = replica.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_done(&database, &folder).await;
    let client = database.connect().await.unwrap();
    let runs = "SELECT count(DISTINCT run_id) FROM migrate_history";
    assert_eq!(one(&client, runs).await, 1, "one replica migrated, the others waited");
    assert_eq!(one(&client, "SELECT count(*) FROM migrate_history WHERE outcome <> 'done'").await, 0);
}

/// Of sixty-four replicas, a third are killed at random times and restarted, as a supervisor would, until
/// they boot.
async fn race_and_kill(lease: bool) {
    let _alone = CROWD.lock().await;
    let database = server().database().await.unwrap();
    let folder = migrations();
    let mut waiting: VecDeque<(Child, Option<Instant>)> = VecDeque::new();
    let start = |kill: bool, random: u64| {
        let at = kill.then(|| Instant::now() + Duration::from_millis(random % 2500));
        (replica(database.url(), &folder, lease), at)
    };
    for number in 0..64 {
        waiting.push_back(start(number % 3 == 0, random(number)));
    }
    let mut restarts = 0_u64;
    while let Some((mut child, kill_at)) = waiting.pop_front() {
        let status: Option<ExitStatus> = child.try_wait().unwrap();
        match (status, kill_at) {
            (Some(status), _) if status.success() => {}
            (Some(_), None) => {
                let output = child.wait_with_output().unwrap();
                panic!("a replica that nobody killed: {}", String::from_utf8_lossy(&output.stderr));
            }
            (Some(_), Some(_)) => {
                restarts += 1;
                waiting.push_back(start(restarts < 40, random(restarts + 1000)));
            }
            (None, Some(at)) if at <= Instant::now() => {
                child.kill().unwrap();
                waiting.push_back((child, kill_at));
            }
            (None, _) => {
                waiting.push_back((child, kill_at));
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    assert!(restarts > 0, "nobody was killed in time");
    assert_done(&database, &folder).await;
}

/// A single replica is killed repeatedly, each time a little later, until it gets through: the one that dies
/// is always the one that migrates.
async fn kill_the_worker(lease: bool) {
    let database = server().database().await.unwrap();
    let folder = migrations();
    let mut kills = 0;
    for milliseconds in (20..).step_by(35) {
        let mut child = replica(database.url(), &folder, lease);
        let deadline = Instant::now() + Duration::from_millis(milliseconds);
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.is_empty(), "a replica that was not killed: {error}");
        if output.status.success() {
            break;
        }
    }
    assert!(kills > 2, "{kills} kills");
    assert_done(&database, &folder).await;
}

#[tokio::test]
async fn of_sixty_four_replicas_all_boot_and_each_migration_is_applied_once() {
    race(false).await;
}

#[tokio::test]
async fn of_sixty_four_replicas_all_boot_with_a_lease_instead_of_a_lock() {
    race(true).await;
}

/// The error for a table that another replica creates at the same time depends on how far that replica has
/// got.
#[tokio::test]
async fn a_table_of_leases_that_another_replica_makes_at_the_same_time_is_none_too_few() {
    let folder = migrations();
    for race in ["42P06", "42P07", "42710", "23505"] {
        let database = server().database().await.unwrap();
        let client = database.connect().await.unwrap();
        let refuses_once = format!(
            "CREATE SEQUENCE refusals;
             CREATE FUNCTION refuse_once() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('refusals') = 1 THEN RAISE 'already exists' USING ERRCODE = '{race}'; END IF;
             END $$;
             CREATE EVENT TRIGGER refuse_once ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
                 EXECUTE FUNCTION refuse_once();"
        );
        client.batch_execute(&refuses_once).await.unwrap();
        let set = Set::from_folder(folder.path()).unwrap();
        let lease = LockKind::Lease { expiry: Duration::from_secs(6) };
        Migrator::new(set).lock(lease).run(database.url()).await.unwrap();
        assert_done(&database, &folder).await;
        assert!(one(&client, "SELECT last_value FROM refusals").await > 1, "{race}: nothing was refused");
    }
}

#[tokio::test]
async fn replicas_that_are_killed_at_random_times_boot_in_the_end() {
    race_and_kill(false).await;
}

#[tokio::test]
async fn replicas_that_are_killed_at_random_times_boot_in_the_end_with_a_lease() {
    race_and_kill(true).await;
}

#[tokio::test]
async fn a_replica_that_is_killed_at_work_gets_through_in_the_end() {
    kill_the_worker(false).await;
}

/// A pseudo-random number, the same in every run.
fn random(seed: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}
