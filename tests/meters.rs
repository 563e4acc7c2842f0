//! Runs as counters and histograms, with a real server and a real recorder.

use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator, Set};
use migrate_tests::proxy::{Connection, Proxy, Side};
use migrate_tests::sets::folder_of;
use std::collections::BTreeMap;
use std::time::Duration;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// The measurements since the last call, by name and labels: the values of counters and gauges, and the
/// number of values in histograms.
fn measured(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let snapshot = snapshotter.snapshot().into_vec();
    let entry = |(key, _, _, value): &(metrics_util::CompositeKey, _, _, DebugValue)| {
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => f64::from(u32::try_from(*count).unwrap()),
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => f64::from(u32::try_from(values.len()).unwrap()),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
    };
    // A counter that has not changed since the last call is reported as 0.
    snapshot.iter().map(entry).filter(|(name, value)| *value > 0.0 || name.contains("pending")).collect()
}

fn assert_measured(snapshotter: &Snapshotter, expected: &[(&str, f64)]) {
    let expected: BTreeMap<String, f64> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    assert_eq!(measured(snapshotter), expected);
}

const TWO: &[(&str, &str)] = &[
    ("1_a.up.sql", "CREATE TABLE a ();\nCREATE TABLE b ();"),
    ("1_a.down.sql", "DROP TABLE a;\nDROP TABLE b;"),
    ("2_c.up.sql", "CREATE TABLE c ();"),
    ("2_c.down.sql", "DROP TABLE c;"),
];

#[tokio::test]
async fn runs_migrations_and_statements_are_counted_by_what_became_of_them() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;

    migrator(TWO).up_to("1_a").run(database.url()).await.unwrap();
    let applied = [
        ("migrate_lock_wait_seconds{set=default}", 1.0),
        ("migrate_migration_duration_seconds{set=default,action=apply}", 1.0),
        ("migrate_migrations_total{set=default,action=apply,outcome=done}", 1.0),
        ("migrate_pending_migrations{set=default}", 1.0),
        ("migrate_run_duration_seconds{set=default,outcome=done}", 1.0),
        ("migrate_runs_total{set=default,outcome=done}", 1.0),
        ("migrate_statement_duration_seconds{set=default}", 2.0),
    ];
    assert_measured(&snapshotter, &applied);

    migrator(TWO).run(database.url()).await.unwrap();
    assert_eq!(measured(&snapshotter)["migrate_pending_migrations{set=default}"], 0.0);

    migrator(TWO).run(database.url()).await.unwrap();
    let nothing_to_do = [
        ("migrate_pending_migrations{set=default}", 0.0),
        ("migrate_run_duration_seconds{set=default,outcome=nothing_to_do}", 1.0),
        ("migrate_runs_total{set=default,outcome=nothing_to_do}", 1.0),
    ];
    assert_measured(&snapshotter, &nothing_to_do);

    migrator(TWO).down(database.url(), 2).await.unwrap();
    let reverted = [
        ("migrate_lock_wait_seconds{set=default}", 1.0),
        ("migrate_migration_duration_seconds{set=default,action=revert}", 2.0),
        ("migrate_migrations_total{set=default,action=revert,outcome=done}", 2.0),
        ("migrate_pending_migrations{set=default}", 2.0),
        ("migrate_run_duration_seconds{set=default,outcome=done}", 1.0),
        ("migrate_runs_total{set=default,outcome=done}", 1.0),
        ("migrate_statement_duration_seconds{set=default}", 3.0),
    ];
    assert_measured(&snapshotter, &reverted);
}

#[tokio::test]
async fn a_failed_migration_is_counted_under_its_name() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    let failing = migrator(&[("1_a.sql", "CREATE TABLE a ();"), ("2_bad.sql", "SELECT 1; SELECT 1/0;")]);
    failing.run(database.url()).await.unwrap_err();
    let expected = [
        ("migrate_failures_total{set=default,migration=2_bad}", 1.0),
        ("migrate_lock_wait_seconds{set=default}", 1.0),
        ("migrate_migration_duration_seconds{set=default,action=apply}", 1.0),
        ("migrate_migrations_total{set=default,action=apply,outcome=done}", 1.0),
        ("migrate_migrations_total{set=default,action=apply,outcome=failed}", 1.0),
        ("migrate_pending_migrations{set=default}", 1.0),
        ("migrate_run_duration_seconds{set=default,outcome=failed}", 1.0),
        ("migrate_runs_total{set=default,outcome=failed}", 1.0),
        ("migrate_statement_duration_seconds{set=default}", 2.0),
    ];
    assert_measured(&snapshotter, &expected);
}

#[tokio::test]
async fn what_an_older_binary_reverts_of_a_newer_release_is_no_label_of_its_own() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    let newer = [TWO[0], TWO[1], ("2_newer.up.sql", "SELECT 1;"), ("2_newer.down.sql", "SELECT 1/0;")];
    migrator(&newer).run(database.url()).await.unwrap();
    let older = migrator(&TWO[..2]);
    older.down(database.url(), 1).await.unwrap_err();
    let failures: Vec<String> =
        measured(&snapshotter).into_keys().filter(|name| name.starts_with("migrate_failures")).collect();
    assert_eq!(failures, ["migrate_failures_total{set=default,migration=other}"]);
}

#[tokio::test]
async fn waits_retries_and_what_is_slow_are_counted() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    let keeper = database.connect().await.unwrap();
    keeper.batch_execute("CREATE TABLE t ()").await.unwrap();
    keeper.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let waiting = migrator(&[("1_t.sql", "ALTER TABLE t ADD c int;")])
        .slow_after(Duration::from_millis(100))
        .lock_timeout(Duration::from_millis(300))
        .retry_for(Duration::from_secs(2));
    let error = waiting.run(database.url()).await.unwrap_err();
    assert!(matches!(error, Error::Failed(_)), "{error}");
    let measured = measured(&snapshotter);
    assert!(measured["migrate_retries_total{set=default}"] >= 1.0, "{measured:?}");
    assert!(measured["migrate_slow_total{set=default,work=statement}"] >= 2.0, "{measured:?}");
    assert_eq!(measured["migrate_runs_total{set=default,outcome=failed}"], 1.0);
}

#[tokio::test]
async fn a_run_that_is_dropped_or_refused_or_never_connected_is_counted_as_such() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    let slow = migrator(&[("1_a.sql", "SELECT pg_sleep(60);")]);
    let dropped = tokio::time::timeout(Duration::from_millis(300), slow.run(database.url())).await;
    assert!(dropped.is_err());
    assert_eq!(measured(&snapshotter)["migrate_runs_total{set=default,outcome=dropped}"], 1.0);

    slow.run("postgres://nobody@127.0.0.1:1/none").await.unwrap_err();
    assert_eq!(measured(&snapshotter)["migrate_runs_total{set=default,outcome=error}"], 1.0);

    let database = self::database().await;
    migrator(TWO).run(database.url()).await.unwrap();
    measured(&snapshotter);
    migrator(&[("1_a.sql", "SELECT 'edited';")]).run(database.url()).await.unwrap_err();
    assert_eq!(measured(&snapshotter)["migrate_runs_total{set=default,outcome=refused}"], 1.0);
}

#[tokio::test]
async fn a_readiness_probe_measures_what_is_pending() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    migrator(TWO).position(database.url()).await.unwrap();
    assert_measured(&snapshotter, &[("migrate_pending_migrations{set=default}", 2.0)]);
}

/// The server's traffic shows the cost of following a run.
#[tokio::test]
async fn without_a_recorder_nothing_is_added_to_what_is_sent() {
    let mut received = Vec::new();
    for is_recorded in [false, true] {
        let recorder = DebuggingRecorder::new();
        let _guard = is_recorded.then(|| metrics::set_default_local_recorder(&recorder));
        let database = database().await;
        let proxy = Proxy::start(&database.config()).await;
        migrator(TWO).run(proxy.url().as_str()).await.unwrap();
        let bytes = |connection: &Connection| connection.bytes(Side::Server);
        received.push(proxy.connections().iter().map(bytes).sum::<usize>());
    }
    // Before and after each of the three statements of two scripts.
    assert!(received[0] < 8192 && received[1] > 5 * 8192, "{received:?}");
}

/// The page lists every metric with its unit, and nothing else.
#[tokio::test]
async fn the_page_has_every_metric_with_its_kind_and_unit() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    let keeper = database.connect().await.unwrap();
    keeper.batch_execute("CREATE TABLE t ()").await.unwrap();
    keeper.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let files = [("1_a.sql", "CREATE TABLE a ();"), ("2_t.sql", "ALTER TABLE t ADD c int;")];
    let waiting = migrator(&files)
        .slow_after(Duration::from_millis(100))
        .lock_timeout(Duration::from_millis(300))
        .retry_for(Duration::from_secs(1));
    waiting.run(database.url()).await.unwrap_err();
    let filled = self::database().await;
    let rows = "CREATE TABLE r (id int PRIMARY KEY, n int); INSERT INTO r SELECT generate_series(1, 9);";
    let fill = "-- migrate: batch=r(id)\nUPDATE r SET n = id WHERE ${batch};";
    let filling = migrator(&[("1_r.sql", rows), ("2_n.sql", fill)]).inline_backfill_rows(0);
    filling.run(filled.url()).await.unwrap();
    filling.backfill(filled.url()).await.unwrap();

    let mut measured: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, unit, description, _)| {
            assert!(description.is_some_and(|text| text.ends_with('.')), "{key:?} is not described");
            let kind = match key.kind() {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            let labels: Vec<String> = key.key().labels().map(|label| format!("`{}`", label.key())).collect();
            let unit = unit.unwrap().as_canonical_label().replace('s', "seconds");
            let unit = if unit.is_empty() { "count" } else { &unit };
            format!("| `{}` | {kind} | {unit} | {} |", key.key().name(), labels.join(", "))
        })
        .collect();
    measured.sort();
    measured.dedup();
    let page = include_str!("../migrate-postgres/docs/observability.md");
    for row in &measured {
        assert!(page.contains(row.as_str()), "{row} is not on the page");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `migrate_")).count();
    assert_eq!(rows, measured.len(), "{measured:#?}");
}

/// Running activities have a start time, and server messages are counted.
#[tokio::test]
async fn a_run_under_way_has_an_age_and_its_messages_are_counted() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    let database = database().await;
    let underway = std::sync::Arc::new(std::sync::Mutex::new(BTreeMap::new()));
    let (seen, during) = (underway.clone(), recorder.snapshotter());
    let raise = "DO $$ BEGIN RAISE WARNING 'w'; RAISE NOTICE 'n'; RAISE NOTICE 'm'; END $$;";
    let migrator = migrator(&[("1_a.sql", raise)]).on_event(move |event| {
        if let migrate_postgres::Event::StatementDone { .. } = event {
            seen.lock().unwrap().extend(measured(&during));
        }
    });
    migrator.run(database.url()).await.unwrap();
    let (underway, after) = (underway.lock().unwrap().clone(), measured(&snapshotter));
    for name in ["migrate_run_started_timestamp_seconds", "migrate_migration_started_timestamp_seconds"] {
        let name = format!("{name}{{set=default}}");
        // In this century.
        assert!(underway[&name] > 1.7e9, "{underway:?}");
        assert!(!after.contains_key(&name), "{after:?}");
    }
    assert_eq!(underway["migrate_server_messages_total{set=default,severity=WARNING}"], 1.0);
    assert_eq!(underway["migrate_server_messages_total{set=default,severity=NOTICE}"], 2.0);
}
