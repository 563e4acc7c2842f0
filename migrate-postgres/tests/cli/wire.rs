//! The connections and round trips of the commands that only read.

#[path = "../../../tests/kit/proxy/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "other tests use the rest of it")]
mod proxy;

use crate::stage::{HALF, Stage, TABLES};
use proxy::Proxy;

/// The connections that a command opens, each with its round trips.
async fn counted(stage: &Stage, line: &str, code: i32) -> Vec<usize> {
    let proxy = Proxy::start(&stage.database.config()).await;
    let mut command = stage.command(line);
    command.env("DATABASE_URL", proxy.url());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
    proxy.connections().iter().map(|connection| connection.round_trips).collect()
}

/// Stages whose histories are read in different ways: none yet, a complete one, one with an edited migration,
/// and one with a migration that stopped between its statements.
async fn stages() -> [Stage; 4] {
    let (empty, done, edited) =
        (Stage::new(&TABLES).await, Stage::new(&TABLES).await, Stage::new(&TABLES).await);
    done.done("up");
    edited.done("up");
    edited.write("migrations/0002_posts.up.sql", "CREATE TABLE posts (id int);");
    let stopped = Stage::new(&[TABLES.as_slice(), &[HALF]].concat()).await;
    assert_eq!(stopped.run("up").code, 7);
    [empty, done, edited, stopped]
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_one_connection_and_three_round_trips_at_most() {
    for (stage, (code, most)) in stages().await.iter().zip([(3, 2), (0, 3), (5, 3), (7, 3)]) {
        let counted = counted(stage, "status", code).await;
        assert_eq!(counted.len(), 1, "{counted:?}");
        assert!(counted[0] <= most, "{counted:?}");
    }
}

/// A run in progress is read together with the rest: its current statement, and the lock's holder.
#[tokio::test(flavor = "multi_thread")]
async fn status_during_a_run_is_one_connection_and_three_round_trips_too() {
    let stage = Stage::new(&[("0001_slow.sql", "SELECT pg_sleep(600);")]).await;
    let mut run = stage.spawn("up");
    stage.until_asleep().await;
    assert_eq!(counted(&stage, "status", 3).await, [3]);
    stage.end_all().await;
    assert!(!run.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_that_only_reads_opens_one_connection() {
    let lines =
        ["history", "verify", "plan", "preflight", "report --html report.html", "facts --out facts.json"];
    for (stage, codes) in stages().await.iter().zip([
        [0, 0, 3, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 5, 5, 9, 0, 0],
        [0, 5, 3, 0, 0, 0],
    ]) {
        for (line, code) in lines.into_iter().zip(codes) {
            let counted = counted(stage, line, code).await;
            assert_eq!(counted.len(), 1, "{line}: {counted:?}");
        }
    }
}
