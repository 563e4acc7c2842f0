//! The keys of backfills: which ones serve, and what is refused.

use super::support::{begun, database, meanwhile, migrator, number, until};
use migrate_postgres::testing::Database;
use migrate_postgres::{BackfillAction, BackfillCause, BackfillEvent, BackfillState, Error, Event, Migrator};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, Config};

/// Begins a backfill of a table `t` whose column `n` counts the changes of a row.
async fn table(sql: &str, batch: &str) -> (Database, Migrator, Client) {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let migrator = begun_in(&database, &client, sql, batch).await;
    (database, migrator, client)
}

/// Begins a backfill in a database, in place of all that it holds.
async fn begun_in(database: &Database, client: &Client, sql: &str, batch: &str) -> Migrator {
    client.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let migrator = migrator(&[("1_t.sql", sql), ("2_fill.sql", batch)]);
    migrator.run(database.url()).await.unwrap();
    migrator
}

/// The error of a migration whose statement can't run in batches. It stands at its header, and nothing is recorded.
async fn refused(database: &Database, sql: &str, batch: &str) -> String {
    let client = database.connect().await.unwrap();
    client.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let migrator = migrator(&[("1_t.sql", sql), ("2_fill.sql", batch)]);
    let error = migrator.run(database.url()).await.unwrap_err().to_string();
    assert!(error.contains("2_fill failed at 2_fill.sql:1:13: "), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
    assert_eq!(number(&client, "SELECT count(*) FROM migrate_history WHERE live").await, 1, "{error}");
    let begun = number(&client, "SELECT count(to_regclass('migrate_history_backfill'))").await;
    assert_eq!(begun, 0, "{error}");
    error
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
        "CREATE TABLE t (a int NOT NULL, b int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t (a DESC, b DESC) INCLUDE (n); \
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
    let database = database().await;
    let client = database.connect().await.unwrap();
    for (sql, batch) in KEYED {
        let name = if batch.starts_with('"') { "\"odd \"\"name\"" } else { "t" };
        let batch = format!(
            "-- migrate: batch={batch} rows=7\nUPDATE {name} AS x SET n = n + 1 WHERE ${{batch}} -- the end"
        );
        let migrator = begun_in(&database, &client, sql, &batch).await;
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
async fn columns_that_are_no_key_fail_the_migration_with_the_keys_that_the_table_has() {
    let not_keys = [
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0);",
        "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0);",
        "CREATE TABLE t (id int PRIMARY KEY, k int UNIQUE, n int DEFAULT 0);",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t (k) WHERE k > 5;",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX ON t ((k + 1));",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0, UNIQUE (k, n));",
        "CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL, n int DEFAULT 0, UNIQUE (k) DEFERRABLE);",
    ];
    let database = database().await;
    for sql in not_keys {
        // On a small table, too: an error that shows in production alone comes late.
        for rows in ["", "INSERT INTO t SELECT g, g FROM generate_series(1, 9) g;"] {
            let batch = "-- migrate: batch=t(k)\nUPDATE t SET n = n + 1 WHERE ${batch};";
            let error = refused(&database, &format!("{sql} {rows}"), batch).await;
            let expected = "(k) is no key of t: the unique indexes on not-null columns are on (id)";
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn without_a_key_a_statement_without_a_condition_of_its_own_is_refused() {
    let sql = "CREATE TABLE t (n int); INSERT INTO t SELECT 0 FROM generate_series(1, 100);";
    let error =
        refused(&database().await, sql, "-- migrate: batch=t\nUPDATE t SET n = n + 1 WHERE ${batch};").await;
    assert!(
        error.contains("t has no unique index on not-null columns, and the statement has no condition"),
        "{error}"
    );
}

#[tokio::test]
async fn a_unique_index_that_has_no_single_order_is_refused_by_name_or_not_chosen() {
    let table = "CREATE TABLE t (a int NOT NULL, b text NOT NULL, n int DEFAULT 0);";
    let mixed = "CREATE UNIQUE INDEX a_mixed ON t (a DESC, b);";
    let pattern = "CREATE UNIQUE INDEX a_pattern ON t (b text_pattern_ops);";
    let database = database().await;
    for (index, batch, expected) in [
        (
            mixed,
            "t(a, b)",
            "the unique index on (a, b) of t can't return rows in the order of a key: the index has columns in",
        ),
        (
            pattern,
            "t(b)",
            "the unique index on (b) of t can't return rows in the order of a key: an operator class",
        ),
        (pattern, "t", "the unique index on (b) of t can't"),
    ] {
        let batch = format!("-- migrate: batch={batch}\nUPDATE t SET n = n + 1 WHERE ${{batch}};");
        let error = refused(&database, &format!("{table} {index}"), &batch).await;
        assert!(error.contains(expected), "{error}");
    }
    let sql = format!(
        "{table} {mixed} {pattern} CREATE UNIQUE INDEX b ON t (b varchar_ops); INSERT INTO t SELECT g, g FROM generate_series(1, 30) g;"
    );
    let (database, migrator, client) =
        self::table(&sql, "-- migrate: batch=t rows=7\nUPDATE t SET n = n + 1 WHERE ${batch};").await;
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n <> 1").await, 0);
    let record = migrator.backfills(database.url()).await.unwrap().remove(0);
    assert_eq!(record.key_columns, Some(vec!["b".to_owned()]));
}

/// A sort would read all rows that are left for each batch.
#[tokio::test]
async fn the_keys_of_a_batch_are_read_from_the_index_in_its_order_and_no_further() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    for index in ["(a DESC, b DESC)", "(a NULLS FIRST, b)", "(a DESC NULLS LAST, b DESC)"] {
        let sql = format!(
            "CREATE TABLE t (a int NOT NULL, b int NOT NULL, n int DEFAULT 0); CREATE UNIQUE INDEX i ON t {index}; \
             INSERT INTO t SELECT g % 50, g FROM generate_series(1, 2000) g;"
        );
        let batch = "-- migrate: batch=t(a, b) rows=7\nUPDATE t SET n = n + 1 WHERE ${batch};";
        let migrator = begun_in(&database, &client, &sql, batch).await;
        migrator.backfill(database.url()).await.unwrap();
        assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n <> 1").await, 0, "{index}");
        let read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'i'";
        until(&client, &format!("SELECT ({read}) > 1000")).await;
        let read = number(&client, read).await;
        assert!(read < 8_000, "{read} entries of {index} were read for 2000 rows");
    }
}

#[tokio::test]
async fn a_statement_that_inserts_into_its_own_table_is_refused_and_one_of_its_name_is_not() {
    let sql = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int); INSERT INTO t (n) SELECT generate_series(1, 9);";
    let batch = "-- migrate: batch=t\nINSERT INTO public.\"t\" (n) SELECT n + 1 FROM t WHERE ${batch};";
    let database = database().await;
    let error = refused(&database, sql, batch).await;
    assert!(error.contains("the statement inserts into t, the table that it reads in batches"), "{error}");
    let parts = "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF t FOR VALUES FROM (0) TO (9);";
    let batch = "-- migrate: batch=t\nINSERT INTO part SELECT id + 1 FROM t WHERE ${batch};";
    let error = refused(&database, parts, batch).await;
    assert!(error.contains("the statement inserts into t, the table that it reads in batches"), "{error}");

    let sql = "CREATE SCHEMA archive; CREATE TABLE archive.t (id int); CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 9);";
    let batch = "-- migrate: batch=public.t(id) rows=4\nINSERT INTO archive.t SELECT x.id FROM public.t x WHERE ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(DISTINCT id) FROM archive.t").await, 9);
}

#[tokio::test]
async fn a_row_that_others_change_behind_the_cursor_is_filled_by_another_sweep() {
    let sql = "CREATE TABLE t (a int, n int, wide text DEFAULT repeat('x', 500)) WITH (fillfactor = 40); \
               INSERT INTO t SELECT generate_series(1, 200);";
    let batch = "-- migrate: batch=t rows=20\nUPDATE t SET n = a WHERE n IS NULL AND ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    let (config, is_done) = (database.config(), AtomicBool::new(false));
    let migrator = migrator.on_event(move |event| {
        if let Event::Backfill(BackfillEvent::Batch { record, .. }) = event
            // The last sweep, which changes nothing, has passed the first page.
            && record.rows_done > 220
            && !is_done.swap(true, Ordering::SeqCst)
        {
            meanwhile(&config, "UPDATE t SET n = NULL WHERE a = 1");
        }
    });
    let report = migrator.backfill(database.url()).batch_time(Duration::from_nanos(1)).await.unwrap();
    assert_eq!(report.backfills[0].changed, 201);
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n IS DISTINCT FROM a").await, 0);
}

#[tokio::test]
async fn rows_that_no_sweep_changes_stop_it_by_name() {
    let sql = "CREATE TABLE t (a int, n int); INSERT INTO t SELECT generate_series(1, 30); \
               CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
               CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW WHEN (old.a = 7) EXECUTE FUNCTION keep();";
    let batch = "-- migrate: batch=t rows=10\nUPDATE t SET n = a WHERE n IS NULL AND ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    assert_eq!(stopped(&database, &migrator).await, BackfillCause::RowsLeft);
    assert_eq!(number(&client, "SELECT count(n) FROM t").await, 29);
    client.batch_execute("DROP TRIGGER keep ON t").await.unwrap();
    migrator.steer_backfill(database.url(), "2", BackfillAction::Retry).await.unwrap();
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(n) FROM t").await, 30);
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

/// Runs batches until one is done.
async fn stop_after_one(config: &Config, migrator: &Migrator) {
    let stop = Arc::new(tokio::sync::Notify::new());
    let told = stop.clone();
    let migrator = migrator.clone().on_event(move |event| {
        if let Event::Backfill(BackfillEvent::Batch { .. }) = event {
            told.notify_one();
        }
    });
    assert!(migrator.backfill(config).until(stop.notified()).await.unwrap().is_interrupted());
}

#[tokio::test]
async fn another_search_path_is_no_other_order_of_the_key() {
    let sql = "CREATE SCHEMA app; CREATE DOMAIN app.number AS int; CREATE TABLE t (id app.number PRIMARY KEY, n int DEFAULT 0); \
               INSERT INTO t SELECT generate_series(1, 50);";
    let batch = "-- migrate: batch=t(id) rows=7\nUPDATE t SET n = n + 1 WHERE ${batch};";
    let (database, migrator, client) = table(sql, batch).await;
    let mut config = database.config();
    config.options("-c search_path=public,app");
    stop_after_one(&config, &migrator).await;
    migrator.backfill(database.url()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE n <> 1").await, 0);
}

#[tokio::test]
async fn a_wider_key_goes_on_and_one_of_another_order_stops_it() {
    for (change, cause) in [
        ("ALTER TABLE t ALTER id TYPE bigint", None),
        ("ALTER TABLE t ALTER id TYPE text", Some("order_changed")),
    ] {
        let sql = "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT generate_series(1, 50);";
        let batch = "-- migrate: batch=t(id) rows=7\nUPDATE t SET n = n + 1 WHERE ${batch};";
        let (database, migrator, client) = table(sql, batch).await;
        stop_after_one(&database.config(), &migrator).await;
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
