//! Backfills: run, seen and steered from the command line.

use crate::stage::Stage;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// A table that is too large for its migration to fill it.
const LARGE: [(&str, &str); 2] = [
    (
        "0001_items.sql",
        "CREATE TABLE items (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);\n\
         INSERT INTO items SELECT generate_series(1, 12000);\n",
    ),
    (
        "0002_fill.sql",
        "-- migrate: batch=items(id) rows=50 pause=50ms\nUPDATE items SET n = n + 1 WHERE ${batch};\n",
    ),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn filled(stage: &Stage) -> (i64, i64) {
    let client = stage.database.connect().await.unwrap();
    let row = client.query_one("SELECT sum(n), max(n)::bigint FROM items", &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_backfill_is_begun_steered_run_and_shown() {
    let stage = Stage::new(&LARGE).await;
    stage.done("up");
    let status = json(&stage.done("backfill status --json").stdout);
    assert_eq!(status["backfills"][0]["state"], "running");
    assert_eq!(status["backfills"][0]["table"], "public.items");
    let paused = json(&stage.done("backfill pause 0002 --reason holidays --json").stdout);
    assert_eq!(
        (paused["backfill"]["state"].as_str(), paused["backfill"]["reason"].as_str()),
        (Some("paused"), Some("holidays"))
    );
    assert!(stage.done("backfill status").stdout.contains("holidays"));
    let refused = stage.run("backfill pause 0002");
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("can't be paused: it is paused"), "{refused:?}");
    stage.done("backfill resume 0002");
    let rated = json(&stage.done("backfill rate 0002 100000 --json").stdout);
    assert_eq!(rated["backfill"]["rate"], 100_000.0);
    stage.done("backfill rate 0002 --unlimited");
    let report = json(&stage.done("backfill run --json").stdout);
    assert_eq!(
        (report["interrupted"].as_bool(), report["backfills"][0]["end"].as_str()),
        (Some(false), Some("done"))
    );
    assert_eq!(filled(&stage).await, (12_000, 1));
    assert!(stage.done("backfill run").stdout.contains("no backfill is left"));
    assert_eq!(stage.run("backfill retry 0002").code, 5);
    assert_eq!(stage.run("backfill pause 0007").code, 5);
}

#[cfg(unix)]
#[tokio::test]
async fn a_run_that_is_terminated_stops_at_the_end_of_a_batch_and_gives_the_backfill_back() {
    let stage = Stage::new(&LARGE).await;
    stage.done("up");
    let child = stage.spawn("backfill run --batch-time 1ns --json");
    let client = stage.database.connect().await.unwrap();
    let started = "SELECT rows_done > 0 FROM migrate_history_backfill";
    while !client.query_one(started, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let ran = stage.ran(&child.wait_with_output().unwrap());
    let document = json(&ran.stdout);
    assert_eq!((ran.code, document["interrupted"].as_bool()), (143, Some(true)), "{ran:?}");
    let left = client.query_one("SELECT rows_done, worker FROM migrate_history_backfill", &[]).await.unwrap();
    assert_eq!(left.get::<_, Option<String>>(1), None);
    assert_eq!(filled(&stage).await.0, left.get::<_, i64>(0));
    stage.done("backfill run");
    assert_eq!(filled(&stage).await, (12_000, 1));
}
