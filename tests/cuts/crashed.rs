//! The server: it is stopped with `immediate`, as in a crash, at every message that it gets.

use crate::stage::{Act, Middle, Stage, Verdict, play, undisturbed};
use migrate_postgres::testing::{Database, Server, ShutdownMode};
use migrate_tests::proxy::{Point, Proxy, Side, When};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_postgres::Config;

/// How many runs each crash hits. One crash for each would take as many restarts.
const PER_CRASH: usize = 32;

/// A run that is held where it is to be hit.
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
    /// The server is up again: the first run hears that its connections are gone, the second one begins.
    async fn finish(self, expected: Arc<str>) -> Verdict {
        self.proxy.shut();
        let said = self.run.await.map_err(|error| error.to_string())?;
        self.stage.finish(&self.stage.config, Some(said), &expected).await?;
        self.stage.leave(&self.database).await
    }
}

async fn at_every_message(middle: Middle, databases: usize) {
    // What was committed with `synchronous_commit = off` is to be lost in a crash: nobody else writes the log.
    let server = Server::builder().setting("max_connections", "200").setting("wal_writer_delay", "10s");
    let server = server.start().unwrap();
    let mut made: Vec<Database> = Vec::new();
    for _ in 0..databases {
        made.push(server.database().await.unwrap());
    }
    let config = made[0].config();
    let expected: Arc<str> = undisturbed(Act::Up, &config, middle).await.into();
    let counted = Stage::make(&config, "counted", middle).await;
    let proxy = Proxy::start(&counted.config).await;
    counted.migrator().run(&proxy.config()).await.unwrap();
    // Not the last two, by which it takes its leave.
    let sent: usize = proxy.connections().iter().map(|connection| connection.count(Side::Client)).sum();
    let points: Vec<(usize, When)> =
        (1..=sent - 2).flat_map(|k| [(k, When::BeforeForwarding), (k, When::AfterForwarding)]).collect();
    for crash in points.chunks(PER_CRASH.min(if databases > 1 { databases } else { PER_CRASH })) {
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

/// An index that is built concurrently waits for whoever has a snapshot in its database, and a run that is held may: so
/// each has a database of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_at_every_message_around_a_concurrent_index() {
    at_every_message(Middle::ConcurrentIndex, 16).await;
}
