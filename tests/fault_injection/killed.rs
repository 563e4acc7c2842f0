//! Process death: the process is killed with SIGKILL at every message that it sends.

use crate::stage::{Act, HANGING, Middle, Stage, Verdict, moments, play, points, undisturbed};
use migrate_postgres::testing;
use migrate_tests::proxy::{Point, Proxy, Side, When};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;

const URL: &str = "MIGRATE_CUTS_URL";
const MIDDLE: &str = "MIGRATE_CUTS_MIDDLE";
const SCHEMA: &str = "MIGRATE_CUTS_SCHEMA";

/// A process that runs the migrations: this test binary, told to run one test.
fn process(stage: &Stage, proxy: &Proxy) -> Killed {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::a_process_runs", "--nocapture"]).env(URL, proxy.url());
    command.env(MIDDLE, format!("{:?}", stage.middle)).env(SCHEMA, &stage.schema);
    Killed(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// A process that is killed on drop.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL; no effect if it is already gone.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Does nothing unless run as such a process.
#[tokio::test]
async fn a_process_runs() -> ExitCode {
    let Ok(url) = std::env::var(URL) else { return ExitCode::SUCCESS };
    let named = std::env::var(MIDDLE).unwrap();
    let middle = Middle::ALL.into_iter().find(|middle| format!("{middle:?}") == named).unwrap();
    let schema = std::env::var(SCHEMA).unwrap();
    match Stage::migrator_of(middle, &schema).run(url.as_str()).await {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn case(
    database: Config,
    stage: String,
    middle: Middle,
    k: usize,
    when: When,
    expected: Arc<str>,
) -> Verdict {
    let stage = Stage::make(&database, &stage, middle).await;
    let proxy = Proxy::start(&stage.config).await;
    proxy.hold(Point::of_any(k).from(Side::Client), when);
    let mut process = process(&stage, &proxy);
    let ended = async {
        loop {
            if let Some(status) = process.0.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = proxy.held() => {}
        status = ended => return Err(format!("the process ended by itself: {status}")),
    }
    drop(process);
    proxy.shut();
    stage.finish(&stage.config, None, &expected).await?;
    stage.leave(&database).await
}

async fn at_every_message(middle: Middle) {
    let database = testing::server().unwrap().database().await.unwrap();
    let config = database.config();
    let expected: Arc<str> = undisturbed(Act::Up, &config, middle).await.into();
    let counted = Stage::make(&config, "counted", middle).await;
    let proxy = Proxy::start(&counted.config).await;
    let status = tokio::time::timeout(HANGING, async {
        let mut process = process(&counted, &proxy);
        tokio::task::spawn_blocking(move || process.0.wait().unwrap()).await.unwrap()
    });
    assert!(status.await.unwrap().success());
    // Not the last two, with which it disconnects.
    let sent: usize = proxy.connections().iter().map(|connection| connection.count(Side::Client)).sum();
    let moments = moments(sent - 2);
    let cases = points(&format!("killed {middle:?}")).map_while(|n| {
        let (k, when) = *moments.get(n)?;
        let stage = format!("case_{k}_{when:?}").to_lowercase();
        let case = case(config.clone(), stage, middle, k, when, expected.clone());
        Some((format!("message {k}, {when:?}"), case))
    });
    play(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_every_message() {
    at_every_message(Middle::StatementByStatement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_every_message_around_a_concurrent_index() {
    at_every_message(Middle::ConcurrentIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_every_message_of_scripts_with_transactions_of_their_own() {
    at_every_message(Middle::OwnAroundIndex).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_every_message_around_rust_code() {
    at_every_message(Middle::Code).await;
}
