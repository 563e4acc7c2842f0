//! Server crashes: the server is stopped with `immediate` at every message that it receives.

use crate::stage::{Act, Middle, Stage, Verdict, connect, moments, play, points, undisturbed};
use migrate_postgres::Migrator;
use migrate_postgres::testing::{Database, Server, ShutdownMode};
use migrate_tests::proxy::{Message, Point, Proxy, Side, When};
use migrate_tests::sets::{self, Scripts};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_postgres::Config;

/// The number of runs hit by each crash. One crash per run would take as many restarts.
const PER_CRASH: usize = 32;

/// A run that is held at the point of the crash.
struct Held {
    name: String,
    stage: Stage,
    database: Config,
    proxy: Proxy,
    run: JoinHandle<Result<(), String>>,
}

async fn hold(database: Config, stage: String, middle: Middle, k: usize, when: When) -> Held {
    let name = format!("message {k}, {when:?}");
    let stage = Stage::make(&database, &stage, middle).await;
    let proxy = Proxy::start(&stage.config).await;
    proxy.hold(Point::of_any(k).from(Side::Client), when);
    let (migrator, config) = (stage.migrator(), proxy.config());
    let run =
        tokio::spawn(async move { migrator.run(&config).await.map(drop).map_err(|error| error.to_string()) });
    Held { name, stage, database, proxy, run }
}

impl Held {
    /// After the restart, the first run finds its connections closed, and a second run starts.
    async fn finish(self, expected: Arc<str>) -> Verdict {
        self.proxy.shut();
        let said = self.run.await.map_err(|error| error.to_string())?;
        self.stage.finish(&self.stage.config, Some(said), &expected).await?;
        self.stage.leave(&self.database).await
    }
}

/// Commits with `synchronous_commit = off` are lost in a crash, unless another commit has flushed the WAL.
fn server() -> Server {
    Server::builder().setting("max_connections", "200").setting("wal_writer_delay", "10s").start().unwrap()
}

async fn at_every_message(middle: Middle, databases: usize) {
    let server = server();
    let mut made: Vec<Database> = Vec::new();
    for _ in 0..databases {
        made.push(server.database().await.unwrap());
    }
    let config = made[0].config();
    let expected: Arc<str> = undisturbed(Act::Up, &config, middle).await.into();
    let counted = Stage::make(&config, "counted", middle).await;
    let proxy = Proxy::start(&counted.config).await;
    counted.migrator().run(&proxy.config()).await.unwrap();
    // Not the last two, with which it disconnects.
    let sent: usize = proxy.connections().iter().map(|connection| connection.count(Side::Client)).sum();
    let every = moments(sent - 2);
    let moments: Vec<(usize, When)> =
        points(&format!("crashed {middle:?}")).map_while(|n| every.get(n).copied()).collect();
    for crash in moments.chunks(if databases > 1 { databases } else { PER_CRASH }) {
        let mut held = Vec::new();
        for (place, (k, when)) in crash.iter().enumerate() {
            let stage = format!("case_{k}_{when:?}").to_lowercase();
            held.push(hold(made[place % databases].config(), stage, middle, *k, *when).await);
        }
        for held in &held {
            held.proxy.held().await;
        }
        tokio::task::block_in_place(|| {
            server.stop(ShutdownMode::Immediate).unwrap();
            server.restart().unwrap();
        });
        play(held.into_iter().map(|held| (held.name.clone(), held.finish(expected.clone())))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_at_every_message() {
    at_every_message(Middle::StatementByStatement, 1).await;
}

/// An index that is built concurrently waits for sessions with a snapshot in its database, which a held run
/// may have. So each run has a separate database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_at_every_message_around_a_concurrent_index() {
    at_every_message(Middle::ConcurrentIndex, 16).await;
}

/// The first two migrations are committed without waiting for the WAL, and the third one's verify script
/// never runs: the crash may lose both commits, or the second, but no effect without its row and no row
/// without its effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_a_crash_loses_is_lost_with_its_row() {
    let server = server();
    let database = server.database().await.unwrap();
    let middle = Middle::StatementByStatement;
    let expected: Arc<str> = undisturbed(Act::Up, &database.config(), middle).await.into();
    let counted = Stage::make(&database.config(), "counted", middle).await;
    let proxy = Proxy::start(&counted.config).await;
    let client = connect(&proxy.config()).await;
    counted.migrator().run(&client).await.unwrap();
    let connection = proxy.connection();
    let verifies = |message: &Message| message.sql().is_some_and(|sql| sql.contains("WHERE migration = 3"));
    let messages = || connection.opening.iter().chain(&connection.messages);
    let k = 1 + messages().filter(|m| m.from == Side::Client).position(verifies).unwrap();

    let stage = Stage::make(&database.config(), "crashed", middle).await;
    let proxy = Proxy::start(&stage.config).await;
    proxy.hold(Point::of_any(k).from(Side::Client), When::BeforeForwarding);
    let (migrator, config) = (stage.migrator(), proxy.config());
    let run = tokio::spawn(async move { drop(migrator.run(&connect(&config).await).await) });
    proxy.held().await;
    tokio::task::block_in_place(|| {
        server.stop(ShutdownMode::Immediate).unwrap();
        server.restart().unwrap();
    });
    proxy.shut();
    run.await.unwrap();
    let client = connect(&stage.config).await;
    let applied =
        "SELECT coalesce(string_agg(version, ',' ORDER BY seq), '') FROM migrate_history WHERE live";
    let applied: String = client.query_one(applied, &[]).await.unwrap().get(0);
    let has_effects = "SELECT to_regclass('effects') IS NOT NULL";
    let effects = if client.query_one(has_effects, &[]).await.unwrap().get(0) {
        let effects = "SELECT coalesce(string_agg(migration::text, ',' ORDER BY migration), '') FROM effects";
        client.query_one(effects, &[]).await.unwrap().get(0)
    } else {
        String::new()
    };
    assert_eq!(applied, effects);
    assert!(["", "1", "1,2"].contains(&applied.as_str()), "{applied}");
    stage.finish(&stage.config, None, &expected).await.unwrap();
}

/// The last commit of a run waits for the WAL, whatever the kind of the last migration. `wal_writer_delay`
/// leaves ten seconds in which a commit that does not wait is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_acknowledged_survives_a_crash() {
    let server = server();
    let database = server.database().await.unwrap();
    for (number, (middle, act)) in [
        (Middle::StatementByStatement, Act::Up),
        (Middle::ConcurrentIndex, Act::Up),
        (Middle::StatementByStatement, Act::Back),
    ]
    .into_iter()
    .enumerate()
    {
        let stage =
            Stage::make_to_go(act, &database.config(), &format!("acknowledged_{number}"), middle).await;
        act.take(&stage.migrator(), &stage.config).await.unwrap();
        crash(&server);
        assert!(stage.is_at_its_end().await, "{middle:?} {act:?}");
    }
    for (set, text) in [
        ("one", "CREATE TABLE t_0 ();"),
        ("bare", "VACUUM;"),
        ("index", "CREATE TABLE t_2 (a int); CREATE INDEX CONCURRENTLY ON t_2 (a);"),
    ] {
        let last = Migrator::new(sets::set(set, [Scripts::up(1, text)]));
        last.run(&connect(&database.config()).await).await.unwrap();
        crash(&server);
        assert!(last.run(&database.config()).await.unwrap().is_noop(), "{text}");
    }
}

fn crash(server: &Server) {
    tokio::task::block_in_place(|| {
        server.stop(ShutdownMode::Immediate).unwrap();
        server.restart().unwrap();
    });
}
