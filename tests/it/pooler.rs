//! PgBouncer in transaction mode, where consecutive transactions may use different server sessions.

use migrate_postgres::drift::Comparison;
use migrate_postgres::testing::Server;
use migrate_postgres::{Error, Event, Migrator, Set};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::sets::folder_of;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryMessage};

/// A private server, because PgBouncer must be able to enter its folder.
fn server() -> Server {
    Server::start().unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

const SET: &[(&str, &str)] = &[
    ("1_effects.sql", "CREATE TABLE effects (migration int); INSERT INTO effects VALUES (1);"),
    (
        "2_hostile.sql",
        "SET search_path = ''; SET ROLE pg_monitor; RESET ROLE; SET lock_timeout = '1ms'; SET TimeZone = 'Asia/Tokyo';",
    ),
    (
        "3_index.sql",
        "SET statement_timeout = '1min'; CREATE INDEX CONCURRENTLY i ON effects (migration); INSERT INTO effects VALUES (3);",
    ),
    (
        "4_dump.sql",
        "SELECT pg_catalog.set_config('search_path', '', false); INSERT INTO public.effects VALUES (4);",
    ),
];

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn effects(server: &Server, database: &str) -> Vec<i32> {
    let client = connect(&server.url(database)).await;
    let rows = client.query("SELECT migration FROM effects ORDER BY 1", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The settings of the pool's server connections, read in as many simultaneous transactions as there are
/// connections.
async fn pooled_settings(url: &str, connections: usize) -> BTreeSet<Vec<String>> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = connect(url).await;
        client.batch_execute("BEGIN").await.unwrap();
        clients.push(client);
    }
    let mut settings = BTreeSet::new();
    for client in &clients {
        let row = client
            .query_typed_one(
                "SELECT current_setting('search_path'), current_setting('role'), session_user::text, \
                 current_setting('lock_timeout'), current_setting('statement_timeout'), \
                 current_setting('idle_in_transaction_session_timeout'), current_setting('synchronous_commit'), \
                 current_setting('client_connection_check_interval'), current_setting('idle_session_timeout'), \
                 (SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory')",
                &[],
            )
            .await
            .unwrap();
        settings.insert((0..row.len()).map(|column| row.get(column)).collect());
    }
    settings
}

#[tokio::test]
async fn nothing_leaks_into_the_pool() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 4).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    // Every connection of the pool already exists and is reused.
    let before = pooled_settings(&url, 4).await;
    assert_eq!(before.len(), 1);
    let report = migrator(SET).run(&url).await.unwrap();
    assert_eq!(report.steps.len(), 4);
    assert_eq!(pooled_settings(&url, 4).await, before);
    assert!(migrator(SET).run(&url).await.unwrap().is_noop());
    assert_eq!(effects(&server, database.name()).await, [1, 3, 4]);
    // Neither does a failure.
    let mut broken = SET.to_vec();
    broken.push(("5_broken.sql", "SET search_path = ''; VACUUM; SELECT 1/0;"));
    migrator(&broken).run(&url).await.unwrap_err();
    broken.push(("6_broken.sql", "SET search_path = ''; SELECT 1/0;"));
    migrator(&broken).run(&url).await.unwrap_err();
    assert_eq!(pooled_settings(&url, 4).await, before);
}

/// A comparison holds a lock in the temporary database it creates, or in the given one.
#[tokio::test]
async fn a_comparison_leaves_no_lock_and_no_setting_in_the_pool() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 3).await else { return };
    let (database, scratch) = (server.database().await.unwrap(), server.database().await.unwrap());
    let urls = [&database, &scratch].map(|database| bouncer.url(database.name()));
    let client = connect(&server.url("postgres")).await;
    for name in [database.name(), scratch.name()] {
        for setting in ["idle_session_timeout = '1h'", "statement_timeout = '1min'"] {
            client.batch_execute(&format!("ALTER DATABASE {name} SET {setting}")).await.unwrap();
        }
    }
    let set = migrator(&SET[..1]);
    set.run(&urls[0]).await.unwrap();
    let before = [pooled_settings(&urls[0], 3).await, pooled_settings(&urls[1], 3).await];
    for comparison in [Comparison::new(), Comparison::new().scratch(&urls[1])] {
        // Twice: leftovers of the first comparison would block the second.
        for _ in 0..2 {
            assert!(set.drift(&urls[0], &comparison).await.unwrap().is_none());
        }
        let after = [pooled_settings(&urls[0], 3).await, pooled_settings(&urls[1], 3).await];
        assert_eq!(after, before);
    }
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'migrate_scratch_%'";
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Code in transactions and one migration without, whose statements are all unnamed.
#[tokio::test]
async fn code_runs_behind_a_pooler_and_leaks_nothing() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 4).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let before = pooled_settings(&url, 4).await;
    assert_eq!(crate::rust_code::CODE.run(&url).await.unwrap().steps.len(), 4);
    assert_eq!(pooled_settings(&url, 4).await, before);
    assert!(crate::rust_code::CODE.run(&url).await.unwrap().is_noop());
    assert_eq!(crate::rust_code::CODE.to(&url, "0001").await.unwrap().steps.len(), 3);
    assert_eq!(pooled_settings(&url, 4).await, before);
    let client = connect(&server.url(database.name())).await;
    let prepared = "SELECT count(*) FROM users WHERE slug IS NOT NULL";
    assert_eq!(client.query_one(prepared, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn replicas_that_share_a_pool_apply_everything_once() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 8).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let replicas: Vec<_> = (0..64)
        .map(|_| {
            let (url, migrator) = (url.clone(), migrator(SET));
            tokio::spawn(async move { migrator.run(&url).await })
        })
        .collect();
    let mut steps = 0;
    for replica in replicas {
        steps += replica.await.unwrap().unwrap().steps.len();
    }
    assert_eq!(steps, 4);
    assert_eq!(effects(&server, database.name()).await, [1, 3, 4]);
    let client = connect(&server.url(database.name())).await;
    let locks =
        client.query_one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", &[]).await.unwrap();
    assert_eq!(locks.get::<_, i64>(0), 0);
}

/// A client that disconnects in the middle leaves nothing that affects the next one.
#[tokio::test]
async fn a_replica_that_is_dropped_in_the_middle_is_followed_by_another() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 4).await else { return };
    let slow: Vec<(&str, &str)> = SET
        .iter()
        .copied()
        .chain([("5_slow.sql", "SELECT pg_sleep(0.3); INSERT INTO effects VALUES (5);")])
        .collect();
    for milliseconds in [1, 5, 10, 20, 40, 80, 160] {
        let database = server.database().await.unwrap();
        let url = bouncer.url(database.name());
        let first = migrator(&slow);
        let dropped = tokio::time::timeout(Duration::from_millis(milliseconds), first.run(&url));
        drop(dropped.await);
        let next = migrator(&slow).run(&url).await;
        assert!(next.is_ok(), "{milliseconds} ms: {next:?}\n{}", bouncer.log());
        assert_eq!(effects(&server, database.name()).await, [1, 3, 4, 5], "{milliseconds} ms");
    }
}

/// A minimal protocol client: it shows PgBouncer's behavior without a library in between.
struct Raw(UnixStream);

impl Raw {
    /// Logs in; reads up to ReadyForQuery.
    fn connect(bouncer: &PgBouncer, database: &str) -> Raw {
        let mut raw = Raw(UnixStream::connect(bouncer.socket()).unwrap());
        let startup = format!("\0\u{3}\0\0user\0postgres\0database\0{database}\0\0");
        raw.0.write_all(&u32::try_from(startup.len() + 4).unwrap().to_be_bytes()).unwrap();
        raw.0.write_all(startup.as_bytes()).unwrap();
        raw.answer();
        raw
    }

    /// Sends simple queries in one flush.
    fn send(&mut self, queries: &[&str]) {
        let mut flush = Vec::new();
        for query in queries {
            flush.push(b'Q');
            flush.extend(u32::try_from(query.len() + 5).unwrap().to_be_bytes());
            flush.extend(query.as_bytes());
            flush.push(0);
        }
        self.0.write_all(&flush).unwrap();
    }

    /// Reads the answer to one message; returns its completion tags.
    fn answer(&mut self) -> Vec<String> {
        let mut completions = Vec::new();
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).unwrap();
            match head[0] {
                b'C' => completions.push(String::from_utf8_lossy(&body[..length - 1]).into_owned()),
                b'Z' => return completions,
                _ => {}
            }
        }
    }
}

/// PgBouncer's own behavior. A client sends two messages in one flush and disconnects after the first answer:
/// before 1.21 the server connection then counts as idle, and the next client gets the answer to the second
/// message instead of its own. A client that has sent another message after the first answer does not count
/// as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pgbouncer_before_1_21_gives_the_answers_of_a_lost_client_to_the_next_one() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 1).await else { return };
    let slow = "DO $$ BEGIN PERFORM pg_sleep(1); END $$";
    for sends_another in [false, true] {
        let mut lost = Raw::connect(&bouncer, "postgres");
        lost.send(&["SET lock_timeout = 0", slow]);
        assert_eq!(lost.answer(), ["SET"]);
        if sends_another {
            lost.send(&[""]);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        drop(lost);
        let mut next = Raw::connect(&bouncer, "postgres");
        next.send(&["SELECT 1"]);
        let expected = if bouncer.hands_answers_on() && !sends_another { "DO" } else { "SELECT 1" };
        assert_eq!(next.answer(), [expected]);
        drop(next);
        // The remaining answers have arrived by the time the server has slept.
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
}

/// A statement that refuses a transaction is sent between settings, in one flush. The client that next gets
/// the server connection of a lost run gets none of the run's answers, however long the statement takes.
///
/// The setting is one that the server does not report: for reported ones PgBouncer first sends its own
/// statements, which absorb the answers.
#[tokio::test]
async fn a_run_that_is_lost_in_a_statement_outside_of_a_transaction_leaves_its_answers_to_nobody() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 2).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let slow = migrator(&[(
        "1_slow.sql",
        "-- migrate: transaction=none\nSET work_mem = '8MB'; CREATE TABLE t (); DO $$ BEGIN COMMIT; PERFORM pg_sleep(3); END $$;",
    )]);
    let run = {
        let url = url.clone();
        tokio::spawn(async move { slow.run(&url).await })
    };
    let direct = connect(&server.url(database.name())).await;
    let asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    while direct.query_one(asleep, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    // As many clients at once as server connections, so that one of them would get the run's.
    let (first, second) = (connect(&url).await, connect(&url).await);
    for client in [&first, &second] {
        client.batch_execute("BEGIN").await.unwrap();
    }
    for client in [&first, &second] {
        let answer = client.simple_query("SELECT 'mine' AS whose").await.unwrap();
        let [SimpleQueryMessage::RowDescription(_), SimpleQueryMessage::Row(row), _] = &answer[..] else {
            panic!("{answer:?}");
        };
        assert_eq!(row.get(0), Some("mine"));
    }
    // The server has ended the lost run's work, because its connection was closed.
    for _ in 0..500 {
        if direct.query_one(asleep, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the statement of the lost run goes on");
}

/// A set with this name, whose work takes a moment.
fn set(name: &str) -> Migrator {
    let table = format!("CREATE TABLE {name} (); SELECT pg_sleep(0.05);");
    let index = format!("CREATE INDEX CONCURRENTLY {name}_i ON {name} ((1));");
    let folder = folder_of(&[("1_table.sql", &table), ("2_index.sql", &index)]);
    Migrator::new(Set::from_folder(folder.path()).unwrap().named(name.to_owned()))
}

/// Runs replicas of sets at once, behind a pool with this many connections. Every run must succeed, and every
/// migration must be applied once.
async fn crowd(sets: &[&str], replicas: usize, connections: usize) {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, connections).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let runs: Vec<_> = (0..replicas)
        .flat_map(|_| sets)
        .map(|name| {
            let (url, set) = (url.clone(), set(name));
            tokio::spawn(async move { set.run(&url).await })
        })
        .collect();
    let mut steps = 0;
    for run in runs {
        steps += run.await.unwrap().unwrap().steps.len();
    }
    assert_eq!(steps, 2 * sets.len());
    let client = connect(&server.url(database.name())).await;
    let done =
        "SELECT count(*), count(DISTINCT (set_name, version)) FROM migrate_history WHERE outcome = 'done'";
    let row = client.query_one(done, &[]).await.unwrap();
    let expected = i64::try_from(steps).unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (expected, expected));
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(client.query_one(locks, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Each run would hold its lock on one of the server connections, and wait for the other one.
#[tokio::test]
async fn two_sets_behind_a_pool_of_two_connections_are_both_applied() {
    crowd(&["orders", "audit"], 1, 2).await;
}

#[tokio::test]
async fn as_many_sets_as_a_pool_has_connections_are_all_applied() {
    crowd(&["a", "b", "c", "d", "e"], 1, 5).await;
}

#[tokio::test]
async fn sixty_four_replicas_of_two_sets_behind_a_pool_of_two_connections_all_boot() {
    crowd(&["orders", "audit"], 64, 2).await;
}

/// The lock takes the only connection, and waiting does not give the run another one.
#[tokio::test]
async fn behind_a_pool_of_one_connection_a_run_ends_soon_and_says_what_it_takes() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 1).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let error = migrator(SET).run(&url).await.unwrap_err();
    assert!(matches!(error, Error::NoServerConnection { only_one: true, holds_lock: true, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("give it two (default_pool_size of PgBouncer)"), "{text}");
    // Nothing was changed, and the pool's connection is free again.
    let client = connect(&url).await;
    let left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(client.query_typed_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    let lock = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(client.query_typed_one(lock, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Other clients hold the rest of a pool's connections, like an application's long transactions.
#[tokio::test]
async fn a_pool_whose_connections_others_keep_is_waited_for_as_long_as_for_the_lock() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 2).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let first = connect(&url).await;
    let patient = migrator(SET);
    let migrator = migrator(SET).lock_wait(Duration::from_secs(3));
    first.batch_execute("BEGIN").await.unwrap();
    let error = migrator.run(&url).await.unwrap_err();
    assert!(matches!(error, Error::NoServerConnection { only_one: false, holds_lock: true, .. }), "{error}");
    assert!(error.to_string().contains("`lock_wait`"), "{error}");

    // A waiting run continues when a connection becomes free.
    let run = tokio::spawn(async move { patient.run(&url).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!run.is_finished());
    first.batch_execute("COMMIT").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().steps.len(), 4);
}

/// The blocking session of a statement is looked up over a third connection, if available.
#[tokio::test]
async fn a_look_that_gets_no_connection_is_not_tried_again_and_again() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 2).await else { return };
    let database = server.database().await.unwrap();
    let slow = migrator(&[("1_slow.sql", "SELECT pg_sleep(6);")]).on_event(|_| ());
    assert_eq!(slow.run(&bouncer.url(database.name())).await.unwrap().steps.len(), 1);
    let login = format!("login attempt: db={} ", database.name());
    let logins = bouncer.log().matches(&login).count();
    assert_eq!(logins, 3, "one holds the lock, one works, and one has looked:\n{}", bouncer.log());
}

/// While a run waits for another run it polls, and other clients may hold all of the pool's connections by
/// then.
#[tokio::test]
async fn a_run_that_a_pooler_does_not_answer_waits_no_longer_than_for_the_lock() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 1).await else { return };
    let database = server.database().await.unwrap();
    let slow = migrator(&[("1_slow.sql", "SELECT pg_sleep(60);")]);
    let (first, direct) = (slow.clone(), server.url(database.name()));
    let first = tokio::spawn(async move { first.run(&direct).await });
    let admin = connect(&server.url(database.name())).await;
    let asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    while admin.query_one(asleep, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let url = bouncer.url(database.name());
    let other = connect(&url).await;
    let (waits, waiting) = tokio::sync::oneshot::channel();
    let waits = std::sync::Mutex::new(Some(waits));
    let second = slow.lock_wait(Duration::from_secs(3)).on_event(move |event| {
        if let (Event::WaitingForLock { .. }, Some(waits)) = (event, waits.lock().unwrap().take()) {
            waits.send(()).unwrap();
        }
    });
    let second = tokio::spawn(async move { second.run(&url).await });
    waiting.await.unwrap();
    other.batch_execute("BEGIN").await.unwrap();
    let error = second.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::NoServerConnection { holds_lock: false, .. }), "{error}");
    assert!(error.to_string().contains("SHOW CLIENTS"), "{error}");
    first.abort();
}
