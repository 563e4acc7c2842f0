//! The keys of backfills: which ones serve, and what is refused.

use super::support::{begun, database, migrator, number};
use migrate_postgres::testing::Database;
use migrate_postgres::{BackfillCause, BackfillEvent, BackfillState, Error, Event, Migrator};
use std::sync::Arc;
use tokio_postgres::Client;

/// Begins a backfill of a table `t` whose column `n` counts the changes of a row.
async fn table(sql: &str, batch: &str) -> (Database, Migrator, Client) {
    let database = database().await;
    let migrator = migrator(&[("1_t.sql", sql), ("2_fill.sql", batch)]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    (database, migrator, client)
}

/// The cause for which a backfill stops; the error is kept.
async fn stopped(database: &Database, migrator: &Migrator) -> BackfillCause {
    let error = migrator.backfill(database.url()).await.unwrap_err();
    let record = migrator.backfills(database.url()).await.unwrap().remove(0);
    assert_eq!(record.state, BackfillState::Stopped);
    let text = error.to_string();
    assert!(record.error.is_some_and(|kept| text.contains(&kept)) && text.contains(&record.name), "{text}");
    let Error::BackfillStopped(stopped) = error else { panic!("{error}") };
    stopped.cause
}

/// Tables with a key, and the header of a batch.
const KEYED: &[(&str, &str)] = &[
    (
        "CREATE TABLE t (id uuid PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT gen_random_uuid() FROM generate_series(1, 50);",
        "t",
    ),
    (
        "CREATE TABLE t (a int, b text, n int DEFAULT 0, PRIMARY KEY (b, a)); \
         INSERT INTO t SELECT g % 3, 'it''s \\ ' || g / 3 FROM generate_series(1, 50) g;",
        "t(a, b)",
    ),
    (
        "CREATE TABLE t (k text COLLATE \"C\" NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t (k COLLATE \"POSIX\" DESC NULLS LAST); \
         INSERT INTO t SELECT chr(65 + g % 2 * 32 + g % 26) || g FROM generate_series(1, 50) g;",
        "t(k)",
    ),
    (
        "CREATE TABLE t (a int NOT NULL, b int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t (a DESC, b ASC) INCLUDE (n); \
         INSERT INTO t SELECT g % 5, g FROM generate_series(1, 50) g;",
        "t(a, b)",
    ),
    (
        "CREATE TABLE t (at timestamptz PRIMARY KEY, n int DEFAULT 0); \
         INSERT INTO t SELECT '2020-01-01'::timestamptz + g * interval '1.000001 s' FROM generate_series(1, 50) g;",
        "t",
    ),
    (
        "CREATE TABLE t (k char(5) PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT g FROM generate_series(1, 50) g;",
        "t",
    ),
    (
        "CREATE TABLE t (k bytea, x float8, n int DEFAULT 0, PRIMARY KEY (x, k)); \
         INSERT INTO t SELECT decode(lpad(to_hex(g), 4, '0'), 'hex'), random() FROM generate_series(1, 50) g;",
        "t",
    ),
    (
        "CREATE TABLE t (id int, at date, n int DEFAULT 0, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2020-01-01') TO ('2020-02-01'); \
         CREATE TABLE t2 PARTITION OF t DEFAULT; \
         INSERT INTO t SELECT g, '2020-01-01'::date + g FROM generate_series(1, 50) g;",
        "t",
    ),
    (
        "CREATE TABLE \"odd \"\"name\" (\"Key\" int PRIMARY KEY, n int DEFAULT 0); INSERT INTO \"odd \"\"name\" SELECT generate_series(1, 50); \
         CREATE VIEW t AS SELECT * FROM \"odd \"\"name\";",
        "\"odd \"\"name\"(\"Key\")",
    ),
];

#[tokio::test]
async fn any_unique_key_of_not_null_columns_divides_a_table() {
    for (sql, batch) in KEYED {
        let name = if batch.starts_with('"') { "\"odd \"\"name\"" } else { "t" };
        let batch = format!(
            "-- migrate: batch={batch} rows=7\nUPDATE {name} AS x SET n = n + 1 WHERE ${{batch}} -- the end"
        );
        let (database, migrator, client) = table(sql, &batch).await;
        let report = migrator.backfill(database.url()).await.unwrap();
        assert_eq!(report.backfills[0].changed, 50, "{sql}");
        assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n <> 1").await, 0, "{sql}");
    }
}

#[tokio::test]
async fn settings_of_the_session_do_not_change_what_a_key_means() {
    let sql = "CREATE TABLE t (at timestamp PRIMARY KEY, n int DEFAULT 0); \
               INSERT INTO t SELECT '2020-01-01'::timestamp + g * interval '1 day' FROM generate_series(1, 90) g;";
    let batch = "-- migrate: batch=t rows=7\nUPDATE t SET n = n + 1 WHERE ${batch} AND '03/02/2020'::date = '2020-02-03'::date;";
    let (database, migrator, client) = table(sql, batch).await;
    let mut config = database.config();
    config.options("-c datestyle=SQL,DMY -c standard_conforming_strings=off -c extra_float_digits=-10");
    migrator.backfill(&config).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n <> 1").await, 0);
}

#[tokio::test]
async fn a_table_without_a_key_is_filled_by_position_until_no_row_is_left() {
    let sql = "CREATE TABLE t (a int, n int); INSERT INTO t SELECT generate_series(1, 3000); DELETE FROM t WHERE a < 1000;";
    let batch = "-- migrate: batch=t rows=100\nUPDATE t SET n = a WHERE n IS NULL AND ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    let report = migrator.backfill(database.url()).await.unwrap();
    assert_eq!(report.backfills[0].changed, 2001);
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n IS DISTINCT FROM a").await, 0);
    let record = migrator.backfills(database.url()).await.unwrap().remove(0);
    assert_eq!(record.key_columns, Some(Vec::new()));
}

#[tokio::test]
async fn a_changed_row_that_still_meets_the_condition_stops_a_table_without_a_key() {
    let sql = "CREATE TABLE t (n int); INSERT INTO t SELECT 0 FROM generate_series(1, 100);";
    let batch = "-- migrate: batch=t rows=10\nUPDATE t SET n = n + 1 WHERE n < 5 AND ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    assert_eq!(stopped(&database, &migrator).await, BackfillCause::StillMatches);
    assert_eq!(number(&client, "SELECT sum(n) FROM t").await, 0, "the batch was rolled back");
}

#[tokio::test]
async fn columns_that_are_no_key_are_refused_with_the_keys_that_the_table_has() {
    let not_keys = [
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0);",
        "CREATE TABLE t (id int PRIMARY KEY, k int UNIQUE, n int DEFAULT 0);",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t (k) WHERE k > 5;",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t ((k + 1));",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0, UNIQUE (k, n));",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0, UNIQUE (k) DEFERRABLE);",
    ];
    for sql in not_keys {
        let sql = format!("{sql} INSERT INTO t (id, k) SELECT g, g FROM generate_series(1, 9) g;");
        let batch = "-- migrate: batch=t(k)\nUPDATE t SET n = n + 1 WHERE ${batch};";
        let (database, migrator, client) = table(&sql, batch).await;
        let BackfillCause::NotAKey { columns, keys, .. } = stopped(&database, &migrator).await else {
            panic!("another cause")
        };
        assert_eq!((columns, keys), (vec!["k".to_owned()], vec![vec!["id".to_owned()]]), "{sql}");
        assert_eq!(number(&client, "SELECT sum(n) FROM t").await, 0);
    }
}

#[tokio::test]
async fn without_a_key_a_statement_without_a_condition_of_its_own_is_refused() {
    let sql = "CREATE TABLE t (n int); INSERT INTO t SELECT 0 FROM generate_series(1, 100);";
    let (database, migrator, _client) =
        table(sql, "-- migrate: batch=t\nUPDATE t SET n = n + 1 WHERE ${batch};").await;
    assert_eq!(stopped(&database, &migrator).await.word(), "no_key");
}

#[tokio::test]
async fn a_statement_that_inserts_into_its_own_table_is_refused() {
    let sql = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int); INSERT INTO t (n) SELECT generate_series(1, 9);";
    let batch = "-- migrate: batch=t\nINSERT INTO public.t (n) SELECT n + 1 FROM t WHERE ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    assert_eq!(stopped(&database, &migrator).await, BackfillCause::OwnRows);
    assert_eq!(number(&client, "SELECT count(*) FROM t").await, 9);
}

#[tokio::test]
async fn rows_are_copied_to_another_table_once() {
    let sql = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE copy (id int); INSERT INTO t SELECT generate_series(1, 50);";
    let batch = "-- migrate: batch=t(id) rows=7\nINSERT INTO copy SELECT t.id FROM t WHERE ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM copy").await, 50);
    assert_eq!(number(&client, "SELECT count(DISTINCT id) FROM copy").await, 50);
}

#[tokio::test]
async fn a_table_that_is_dropped_underneath_stops_it_by_name() {
    let (database, migrator, client) = begun(super::support::COUNT_UP, 20).await;
    client.batch_execute("DROP TABLE items").await.unwrap();
    assert_eq!(stopped(&database, &migrator).await, BackfillCause::NoTable);
}

#[tokio::test]
async fn a_wider_key_goes_on_and_one_of_another_order_stops_it() {
    let stop_after_one = async |database: &Database, migrator: &Migrator| {
        let stop = Arc::new(tokio::sync::Notify::new());
        let told = stop.clone();
        let migrator = migrator.clone().on_event(move |event| {
            if let Event::Backfill(BackfillEvent::Batch { .. }) = event {
                told.notify_one();
            }
        });
        migrator.backfill(database.url()).until(stop.notified()).await.unwrap()
    };
    for (change, cause) in [
        ("ALTER TABLE t ALTER id TYPE bigint", None),
        ("ALTER TABLE t ALTER id TYPE text", Some("order_changed")),
    ] {
        let sql = "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT generate_series(1, 50);";
        let batch = "-- migrate: batch=t(id) rows=7\nUPDATE t SET n = n + 1 WHERE ${batch};";
        let (database, migrator, client) = table(sql, batch).await;
        assert!(stop_after_one(&database, &migrator).await.is_interrupted());
        let done = number(&client, "SELECT sum(n) FROM t").await;
        assert!(done > 0 && done < 50, "{done}");
        client.batch_execute(change).await.unwrap();
        match cause {
            None => {
                migrator.backfill(database.url()).await.unwrap();
                assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n <> 1").await, 0);
            }
            Some(cause) => assert_eq!(stopped(&database, &migrator).await.word(), cause),
        }
    }
}
