//! Cancellation: the future is dropped at every await.

use crate::stage::{Act, HANGING, Middle, Stage, Verdict, connect, points, undisturbed};
use deadpool_postgres::{Manager, Pool};
use migrate_postgres::{Migrator, testing};
use migrate_tests::proxy::Proxy;
use migrate_tests::sets::{self, Scripts};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A future that gives up after its inner future has been pending this many times.
struct Within<F> {
    future: Pin<Box<F>>,
    pending: usize,
}

impl<F: Future> Future for Within<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Poll::Ready(output) = self.future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        if self.pending == 0 {
            return Poll::Ready(None);
        }
        self.pending -= 1;
        Poll::Pending
    }
}

/// Drops a future when it is pending for the `n`th time, from 0; returns its output if it is ready before.
async fn dropped_at<F: Future>(n: usize, future: F) -> Option<F::Output> {
    Within { future: Box::pin(future), pending: n }.await
}

/// The state that another user of the connection finds: settings, an open transaction, locks.
async fn found(client: &Client) -> Result<Vec<Option<String>>, String> {
    let settings = [
        "search_path",
        "role",
        "session_authorization",
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "client_connection_check_interval",
        "synchronous_commit",
        "TimeZone",
    ];
    let settings: Vec<String> = settings.iter().map(|name| format!("current_setting('{name}')")).collect();
    // In an open transaction, `now` does not advance.
    let sql = format!(
        "SELECT {}, now() = statement_timestamp(), \
         (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())",
        settings.join(", ")
    );
    let answer =
        client.simple_query(&sql).await.map_err(|error| format!("another user's query: {error:?}"))?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.ok_or("no row")?;
    Ok((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
}

fn same(before: &[Option<String>], after: &[Option<String>]) -> Verdict {
    if before == after { Ok(()) } else { Err(format!("a user finds {after:?} instead of {before:?}")) }
}

/// Drops a run over a borrowed client; returns true if it finished before.
async fn over_client(n: usize, stage: &Stage, database: &Config, expected: &str) -> Result<bool, String> {
    let proxy = Proxy::start(&stage.config).await;
    let client = connect(&proxy.config()).await;
    client.batch_execute("SET lock_timeout = '7s'; SET TimeZone = 'Europe/Berlin'").await.unwrap();
    let before = found(&client).await?;
    let said = dropped_at(n, stage.migrator().run(&client)).await;
    let is_done = said.is_some();
    // At once: the client's owner need not wait for anything.
    same(&before, &found(&client).await?)?;
    stage
        .finish(&client, said.map(|said| said.map(drop).map_err(|error| error.to_string())), expected)
        .await?;
    same(&before, &found(&client).await?)?;
    drop(client);
    stage.leave(database).await?;
    Ok(is_done)
}

fn pool(config: Config) -> Pool {
    Pool::builder(Manager::new(config, NoTls)).max_size(2).build().unwrap()
}

/// The state that all users of a pool find at the same time.
async fn all_same(before: &[Option<String>], pool: &Pool) -> Verdict {
    let one = pool.get().await.map_err(|error| error.to_string())?;
    let other = pool.get().await.map_err(|error| error.to_string())?;
    same(before, &found(&one).await?)?;
    same(before, &found(&other).await?)
}

/// Drops a run over a pool; returns true if it finished before.
async fn over_pool(n: usize, stage: &Stage, database: &Config, expected: &str) -> Result<bool, String> {
    let proxy = Proxy::start(&stage.config).await;
    let pool = pool(proxy.config());
    let before = found(&connect(&stage.config).await).await?;
    let said = dropped_at(n, stage.migrator().run(&pool)).await;
    let is_done = said.is_some();
    all_same(&before, &pool).await?;
    stage.finish(&pool, said.map(|said| said.map(drop).map_err(|error| error.to_string())), expected).await?;
    all_same(&before, &pool).await?;
    drop(pool);
    stage.leave(database).await?;
    Ok(is_done)
}

/// The target that the migrations are run on.
#[derive(Clone, Copy, Debug)]
enum Over {
    Client,
    Pool,
}

async fn every_await(over: Over, middle: Middle) {
    let database = testing::server().unwrap().database().await.unwrap();
    let config = database.config();
    let expected = undisturbed(Act::Up, &config, middle).await;
    let mut problems = Vec::new();
    for n in points(&format!("{over:?} {middle:?}")) {
        let stage = Stage::make(&config, &format!("case_{n}"), middle).await;
        let case = async {
            match over {
                Over::Client => over_client(n, &stage, &config, &expected).await,
                Over::Pool => over_pool(n, &stage, &config, &expected).await,
            }
        };
        let case = tokio::time::timeout(HANGING, case).await;
        match case.unwrap_or_else(|_| Err("it hangs".to_owned())) {
            Ok(true) => {
                assert!(n > 10, "only {n} awaits");
                break;
            }
            Ok(false) => {}
            Err(problem) => problems.push(format!("dropped at {n}: {problem}")),
        }
        assert!(problems.len() < 100, "far too many: {}", problems.join("\n"));
    }
    assert!(problems.is_empty(), "{} cases went wrong:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test]
async fn a_run_over_a_client_dropped_at_every_await() {
    every_await(Over::Client, Middle::StatementByStatement).await;
}

#[tokio::test]
async fn a_run_over_a_pool_dropped_at_every_await() {
    every_await(Over::Pool, Middle::StatementByStatement).await;
}

#[tokio::test]
async fn a_run_over_a_client_dropped_at_every_await_around_a_concurrent_index() {
    every_await(Over::Client, Middle::ConcurrentIndex).await;
}

#[tokio::test]
async fn a_run_over_a_pool_dropped_at_every_await_around_a_concurrent_index() {
    every_await(Over::Pool, Middle::ConcurrentIndex).await;
}

#[tokio::test]
async fn a_run_over_a_client_dropped_at_every_await_around_rust_code() {
    every_await(Over::Client, Middle::Code).await;
}

#[tokio::test]
async fn a_run_over_a_pool_dropped_at_every_await_around_rust_code() {
    every_await(Over::Pool, Middle::Code).await;
}

/// Calls that only read must not leave traces either.
#[tokio::test]
async fn a_look_dropped_at_every_await_leaves_no_transaction_open() {
    let database = testing::server().unwrap().database().await.unwrap();
    let stage = Stage::make(&database.config(), "looked_at", Middle::StatementByStatement).await;
    let migrator = stage.migrator();
    migrator.run(&stage.config).await.unwrap();
    let client = connect(&stage.config).await;
    let before = found(&client).await.unwrap();
    let one = pool(stage.config.clone());
    let mut problems = Vec::new();
    let mut note = |n: usize, over: &str, verdict: Verdict| {
        problems.extend(verdict.err().map(|problem| format!("dropped at {n} over a {over}: {problem}")));
    };
    for n in 0..20 {
        drop(dropped_at(n, migrator.verify(&client)).await);
        note(n, "client", found(&client).await.and_then(|after| same(&before, &after)));
        client.batch_execute("ROLLBACK").await.unwrap();
        drop(dropped_at(n, migrator.verify(&one)).await);
        note(n, "pool", all_same(&before, &one).await);
        drop(dropped_at(n, migrator.status(&client)).await);
        note(n, "client, status", found(&client).await.and_then(|after| same(&before, &after)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The server learns that the client is gone: the connection is closed, no matter how long the statement
/// would take.
#[tokio::test]
async fn a_dropped_run_ends_what_the_server_runs_for_it() {
    let database = testing::server().unwrap().database().await.unwrap();
    let config = database.config();
    let admin = connect(&config).await;
    let endless = Migrator::new(sets::set("endless", [Scripts::up(1, "SELECT pg_sleep(3600);")]));
    let works = "SELECT count(*) FROM pg_stat_activity \
                 WHERE application_name = $1 AND wait_event = 'PgSleep'";
    for over in ["a_url", "a_pool"] {
        let endless = endless.clone().history_schema(over);
        let stage = Stage::make(&config, over, Middle::StatementByStatement).await;
        let pool = pool(stage.config.clone());
        let run = async {
            match over {
                "a_url" => endless.run(&stage.config).await.map(drop),
                _ => endless.run(&pool).await.map(drop),
            }
        };
        let until_it_works = async {
            while admin.query_one(works, &[&stage.name]).await.unwrap().get::<_, i64>(0) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            said = run => panic!("{said:?}"),
            () = until_it_works => {}
        }
        drop(pool);
        let left = tokio::time::timeout(HANGING, stage.leave(&config)).await;
        assert_eq!(left, Ok(Ok(())), "the server works on for {over}");
    }
}
