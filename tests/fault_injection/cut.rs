//! Network failures: a connection is cut at every message.

use crate::stage::{Act, Middle, Stage, Verdict, play, points, undisturbed};
use migrate_postgres::testing::{self, Server};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::proxy::{Connection, Cut, Point, Proxy, Side, When};
use std::sync::Arc;
use tokio_postgres::{Config, NoTls};

/// The target that the migrations are run on.
#[derive(Clone, Copy, Debug)]
enum Over {
    /// A URL: one connection holds the lock, another one works.
    Url,
    /// A client: one connection does both.
    Client,
}

/// Runs through a proxy; returns the run's result if a connection was made.
async fn run(stage: &Stage, proxy: &Proxy, over: Over) -> Option<Result<(), String>> {
    let migrator = stage.migrator();
    Some(match over {
        Over::Url => stage.act.take(&migrator, proxy.url().as_str()).await,
        Over::Client => {
            let (client, connection) = proxy.config().connect(NoTls).await.ok()?;
            tokio::spawn(connection);
            stage.act.take(&migrator, &client).await
        }
    })
}

async fn case(database: Config, stage: String, cut: Cut, which: Which, expected: Arc<str>) -> Verdict {
    let Which { act, over, middle } = which;
    let stage = Stage::make_to_go(act, &database, &stage, middle).await;
    let proxy = Proxy::start(&stage.config).await;
    proxy.cut(cut);
    let said = run(&stage, &proxy, over).await;
    if !proxy.is_struck() {
        return Err(format!("nothing was cut, and the run said {said:?}"));
    }
    stage.finish(&stage.config, said, &expected).await?;
    stage.leave(&database).await
}

/// Behind PgBouncer, the connection to PgBouncer is cut.
async fn pooled_case(stage: Stage, bouncer: Arc<PgBouncer>, cut: Cut, expected: Arc<str>) -> Verdict {
    let proxy = Proxy::start(&pooled(&bouncer, &stage)).await;
    proxy.cut(cut);
    let said = run(&stage, &proxy, Over::Url).await;
    if !proxy.is_struck() {
        return Err(format!("nothing was cut, and the run said {said:?}"));
    }
    stage.finish(&stage.config, said, &expected).await
}

fn pooled(bouncer: &PgBouncer, stage: &Stage) -> Config {
    let mut config: Config = bouncer.url(&stage.name).parse().unwrap();
    config.application_name(&stage.name);
    config
}

/// Every cut of a connection. A cut after the client got a message equals a cut before the next one; a
/// message that the server got and did not answer is a separate case.
fn cuts(number: usize, connection: &Connection) -> Vec<Cut> {
    let sent = (1..=connection.count(Side::Client)).flat_map(move |k| {
        let at = Point::of(number, Side::Client, k);
        [Cut { at, when: When::BeforeForwarding }, Cut { at, when: When::AfterForwarding }]
    });
    let answered = (1..=connection.count(Side::Server))
        .map(move |k| Cut { at: Point::of(number, Side::Server, k), when: When::BeforeForwarding });
    sent.chain(answered).collect()
}

/// Every cut of each connection.
fn every(proxy: &Proxy) -> Vec<Cut> {
    proxy.connections().iter().enumerate().flat_map(|(number, connection)| cuts(number, connection)).collect()
}

/// The connection to cut.
#[derive(Clone, Copy, Debug)]
struct Which {
    act: Act,
    over: Over,
    middle: Middle,
}

async fn every_cut(act: Act, over: Over, middle: Middle) {
    let which = Which { act, over, middle };
    let database = testing::server().unwrap().database().await.unwrap();
    let config = database.config();
    let expected: Arc<str> = undisturbed(act, &config, middle).await.into();
    let counted = Stage::make_to_go(act, &config, "counted", middle).await;
    let proxy = Proxy::start(&counted.config).await;
    assert_eq!(run(&counted, &proxy, over).await, Some(Ok(())));
    let cuts = every(&proxy);
    assert!(cuts.len() > 100, "only {} cuts", cuts.len());
    let cases = points(&format!("{which:?}")).map_while(|n| {
        let cut = *cuts.get(n)?;
        let case = case(config.clone(), format!("case_{n}"), cut, which, expected.clone());
        Some((format!("{which:?}, {cut:?}"), case))
    });
    play(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message() {
    every_cut(Act::Up, Over::Url, Middle::StatementByStatement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_connection_cut_at_every_message() {
    every_cut(Act::Up, Over::Client, Middle::StatementByStatement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_on_the_way_back() {
    every_cut(Act::Back, Over::Url, Middle::StatementByStatement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_around_a_concurrent_index() {
    every_cut(Act::Up, Over::Url, Middle::ConcurrentIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_connection_cut_at_every_message_around_a_concurrent_index() {
    every_cut(Act::Up, Over::Client, Middle::ConcurrentIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_on_the_way_back_over_a_concurrent_index() {
    every_cut(Act::Back, Over::Url, Middle::ConcurrentIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_of_scripts_with_transactions_of_their_own() {
    every_cut(Act::Up, Over::Url, Middle::Own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_connection_cut_at_every_message_of_scripts_with_transactions_of_their_own() {
    every_cut(Act::Up, Over::Client, Middle::Own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_on_the_way_back_over_transactions_of_their_own() {
    every_cut(Act::Back, Over::Url, Middle::Own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_of_own_transactions_around_a_concurrent_index() {
    every_cut(Act::Up, Over::Url, Middle::OwnAroundIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_connection_cut_at_every_message_of_own_transactions_around_a_concurrent_index_on_the_way_back()
 {
    every_cut(Act::Back, Over::Client, Middle::OwnAroundIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_of_a_url_cut_at_every_message_around_rust_code() {
    every_cut(Act::Up, Over::Url, Middle::Code).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_connection_cut_at_every_message_around_rust_code_on_the_way_back() {
    every_cut(Act::Back, Over::Client, Middle::Code).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_pgbouncer_cut_at_every_message_around_rust_code() {
    every_cut_to_pgbouncer(Middle::Code).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_pgbouncer_cut_at_every_message_of_scripts_with_transactions_of_their_own() {
    every_cut_to_pgbouncer(Middle::Own).await;
}

async fn every_cut_to_pgbouncer(middle: Middle) {
    let server = Server::builder().setting("max_connections", "300").start().unwrap();
    let Some(bouncer) = PgBouncer::start(&server, 4).await else { return };
    let bouncer = Arc::new(bouncer);
    let database = server.database().await.unwrap();
    let expected: Arc<str> = undisturbed(Act::Up, &database.config(), middle).await.into();
    let counted = Stage::make_alone(&server, "counted", middle).await;
    let proxy = Proxy::start(&pooled(&bouncer, &counted)).await;
    assert_eq!(run(&counted, &proxy, Over::Url).await, Some(Ok(())));
    // Once per client message: each case has a separate database.
    let cuts: Vec<Cut> = every(&proxy).into_iter().filter(|cut| cut.when == When::AfterForwarding).collect();
    assert!(cuts.len() > 20, "only {} cuts", cuts.len());
    let mut cases = Vec::new();
    for n in points("behind PgBouncer").take_while(|n| *n < cuts.len()) {
        let stage = Stage::make_alone(&server, &format!("case_{n}"), middle).await;
        cases
            .push((format!("{:?}", cuts[n]), pooled_case(stage, bouncer.clone(), cuts[n], expected.clone())));
    }
    play(cases).await;
}
