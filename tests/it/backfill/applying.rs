//! A migration with a backfill runs all of it on a small table, and begins it on a large one.

use super::{FILL, applied, database, finish, migrator, one, scripts};
use migrate_core::history::Notice;
use migrate_postgres::drift::Comparison;
use migrate_postgres::testing;
use migrate_postgres::{MigrationStatus, Migrator};
use migrate_tests::proxy::{Cut, Point, Proxy, Side, When};
use migrate_tests::sets::{self, Scripts};

#[tokio::test]
async fn a_small_table_is_filled_by_its_migration_in_one_statement() {
    let (database, client) = database().await;
    let report = migrator(10).run(&database.config()).await.unwrap();
    assert_eq!((report.steps.len(), report.notices), (4, Vec::new()));
    assert_eq!(one(&client, "SELECT count(*) FROM users WHERE n = 1").await, "10");
    assert_eq!(one(&client, "SELECT to_regclass('migrate_history_backfill')").await, "null");
}

#[tokio::test]
async fn a_large_table_is_left_to_the_batches_and_its_migration_counts_as_applied() {
    let (database, client) = database().await;
    let report = migrator(11).run(&database.config()).await.unwrap();
    let begun = |notice: &&Notice| matches!(notice, Notice::BackfillBegun { name, relation, rows: 11.. } if name == "00002_step" && relation == "users");
    assert_eq!(report.notices.iter().filter(begun).count(), 1, "{:?}", report.notices);
    assert_eq!(applied(&client).await, "1,2,4");
    assert_eq!(one(&client, "SELECT sum(n) FROM users").await, "0");
    let row = "SELECT concat_ws(' ', set_name, version, name, relation, state, \"cursor\", rows_done, batch_rows) FROM migrate_history_backfill";
    assert_eq!(one(&client, row).await, "filled 2 00002_step public.users running 0 1000");
    let checksum = "SELECT h.checksum LIKE '%' || encode(b.checksum, 'hex') FROM migrate_history h JOIN migrate_history_backfill b USING (version) WHERE h.live";
    assert_eq!(one(&client, checksum).await, "true");
}

#[tokio::test]
async fn the_size_in_bytes_counts_and_so_do_partitions_and_rows_without_statistics() {
    let fill = |table: &str| {
        Scripts::up(
            2,
            format!("-- migrate: batch={table}(id)\nUPDATE {table} SET n = n + 1 WHERE ${{batch}};"),
        )
    };
    let wide = "CREATE TABLE wide (id bigint PRIMARY KEY, n int DEFAULT 0, t text); \
                INSERT INTO wide SELECT i, 0, repeat('x', 1500) FROM generate_series(1, 100) i;";
    let parts = "CREATE TABLE parts (id bigint PRIMARY KEY, n int DEFAULT 0, t text) PARTITION BY RANGE (id); \
                 CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (60); \
                 CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (60) TO (999); \
                 INSERT INTO parts SELECT i, 0, repeat('x', 1500) FROM generate_series(1, 100) i;";
    let analyzed = "CREATE TABLE old (id bigint PRIMARY KEY, n int DEFAULT 0); ANALYZE old; \
                    INSERT INTO old SELECT generate_series(1, 101);";
    for (table, first, expected) in [("wide", wide, "0"), ("parts", parts, "0"), ("old", analyzed, "0")] {
        let (database, client) = database().await;
        let set = sets::set("sizes", [Scripts::up(1, first), fill(table)]);
        let migrator = Migrator::new(set).inline_backfill_rows(100).inline_backfill_bytes(128 << 10);
        migrator.run(&database.config()).await.unwrap();
        assert_eq!(one(&client, &format!("SELECT sum(n) FROM {table}")).await, expected, "{table}");
    }
}

#[tokio::test]
async fn a_table_that_is_missing_fails_at_its_place_in_the_script() {
    let (database, _) = database().await;
    let set = sets::set(
        "missing",
        [Scripts::up(1, "-- migrate: batch=nobody(id)\nUPDATE nobody SET a = 1\nWHERE ${batch};")],
    );
    let error = Migrator::new(set).run(&database.config()).await.unwrap_err().to_string();
    assert!(
        error.contains("00001_step.up.sql:2:8") && error.contains("\"nobody\" does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn an_error_in_the_statement_has_its_place_in_the_file() {
    let (database, _) = database().await;
    let table = Scripts::up(1, "CREATE TABLE users (id bigint PRIMARY KEY, n bigint)");
    let fill =
        Scripts::up(2, "-- migrate: batch=users(id)\nUPDATE users SET n = id\nWHERE ${batch} AND wrong;");
    let error = Migrator::new(sets::set("wrong", [table, fill])).run(&database.config()).await.unwrap_err();
    assert!(error.to_string().contains("00002_step.up.sql:3:20"), "{error}");
}

#[tokio::test]
async fn a_verify_script_waits_for_the_rows_that_it_is_about() {
    let (database, client) = database().await;
    let [first, fill, ..] = scripts(11);
    let set = sets::set("filled", [first, fill.verify("SELECT id FROM users WHERE n <> 1")]);
    let migrator = Migrator::new(set).inline_backfill_rows(10);
    migrator.run(&database.config()).await.unwrap();
    assert_eq!(applied(&client).await, "1,2");
    migrator.verify(&database.config()).await.unwrap_err();
    finish(&client).await;
    assert_eq!(migrator.verify(&database.config()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_revert_forgets_the_backfill_and_its_quarantine_with_the_row_of_the_history() {
    for down in ["UPDATE users SET n = 0;", "-- migrate: transaction=none\nUPDATE users SET n = 0; SELECT 1;"]
    {
        let (database, client) = database().await;
        let [first, fill, ..] = scripts(11);
        let migrator = Migrator::new(sets::set("filled", [first, fill.down(down)])).inline_backfill_rows(10);
        let config = database.config();
        migrator.run(&config).await.unwrap();
        client
            .batch_execute("INSERT INTO migrate_history_quarantine (set_name, version, key, sqlstate, error) VALUES ('filled', '2', '[1]', '22000', 'e'), ('other', '2', '[1]', '22000', 'e')")
            .await
            .unwrap();
        assert_eq!(migrator.down(&config, 1).await.unwrap().steps.len(), 1);
        let left = "SELECT (SELECT count(*) FROM migrate_history_backfill) || ' ' || (SELECT count(*) FROM migrate_history_quarantine)";
        assert_eq!(one(&client, left).await, "0 1", "another set's row stays");
        migrator.run(&config).await.unwrap();
        assert_eq!(
            one(&client, "SELECT state FROM migrate_history_backfill").await,
            "running",
            "it begins anew"
        );
        // A person may say that it was never run.
        let reason = "restored from a dump";
        migrator.resolve(&config, "2", migrate_postgres::Resolution::Reverted, reason).await.unwrap();
        assert_eq!(one(&client, "SELECT count(*) FROM migrate_history_backfill").await, "0");
    }
}

#[tokio::test]
async fn a_test_schema_runs_it_as_a_whole() {
    let (database, client) = database().await;
    let config = database.config();
    migrator(11)
        .run_plan(&config, &migrate_core::plan::Up::to(migrate_core::Version::numeric("1")))
        .await
        .unwrap();
    let drift = migrator(11).drift(&config, &Comparison::default()).await.unwrap();
    assert!(drift.differences.is_empty(), "{drift}");
    assert_eq!(applied(&client).await, "1");
}

#[tokio::test]
async fn a_plan_says_that_it_is_a_backfill_over_which_table_and_key() {
    let (database, _) = database().await;
    let explained = migrator(11).explain(&database.config()).await.unwrap();
    let text = explained.to_string();
    assert!(text.contains("apply 00002_step (00002_step.up.sql), a backfill of users by (id)"), "{text}");
    assert!(text.contains(FILL.lines().nth(1).unwrap().trim_end_matches(';')), "{text}");
    assert_eq!(explained.steps.len(), 4, "what may have to wait is shown");
}

#[tokio::test]
async fn a_status_shows_how_far_it_is() {
    let (database, client) = database().await;
    let config = database.config();
    migrator(100).run(&config).await.unwrap();
    for (change, expected) in [
        ("rows_total = 100, rows_done = 43", "backfilling 43 %"),
        ("state = 'paused', quarantined = 2", "backfill paused at 43 %, quarantined 2"),
        ("state = 'stopped'", "backfill stopped at 43 %, quarantined 2"),
        ("state = 'cancelled'", "backfill canceled at 43 %, quarantined 2"),
        ("state = 'done'", "backfilled, quarantined 2"),
    ] {
        client.batch_execute(&format!("UPDATE migrate_history_backfill SET {change}")).await.unwrap();
        let status = migrator(100).status(&config).await.unwrap();
        assert_eq!(status.rows[1].state.to_string(), expected);
        assert_eq!(status.rows[2].state.to_string(), "waits for the backfill of 00002_step");
        assert_eq!((status.applied().count(), status.pending().count()), (3, 1));
    }
    client.batch_execute("UPDATE migrate_history_backfill SET quarantined = 0").await.unwrap();
    let status = migrator(100).status(&config).await.unwrap();
    assert!(matches!(status.rows[1].state, MigrationStatus::Applied { .. }), "{status}");
}

/// Begun exactly once, whatever is lost, and no row is changed by the migration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_at_every_message_begins_it_once() {
    let counted = testing::server().unwrap().database().await.unwrap();
    let proxy = Proxy::start(&counted.config()).await;
    migrator(11).run(proxy.url().as_str()).await.unwrap();
    let sent: Vec<usize> =
        proxy.connections().iter().map(|connection| connection.count(Side::Client)).collect();
    let (database, client) = database().await;
    for (number, sent) in sent.into_iter().enumerate() {
        for (k, when) in (1..=sent).flat_map(|k| [(k, When::BeforeForwarding), (k, When::AfterForwarding)]) {
            client.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
            let proxy = Proxy::start(&database.config()).await;
            proxy.cut(Cut { at: Point::of(number, Side::Client, k), when });
            drop(migrator(11).run(proxy.url().as_str()).await);
            migrator(11).run(&database.config()).await.unwrap();
            let place = format!("connection {number}, message {k}, {when:?}");
            assert_eq!(applied(&client).await, "1,2,4", "{place}");
            let begun = "SELECT count(*) || ' ' || min(state) || ' ' || coalesce(min(\"cursor\"[1]), '-') FROM migrate_history_backfill";
            assert_eq!(one(&client, begun).await, "1 running -", "{place}");
            assert_eq!(one(&client, "SELECT sum(n) FROM users").await, "0", "{place}");
        }
    }
}

#[tokio::test]
async fn a_boot_beside_a_backfill_is_one_query_and_its_beginning_takes_few() {
    let (database, _) = database().await;
    let [first, fill, _, last] = scripts(11);
    let migrator = Migrator::new(sets::set("filled", [first, fill, last])).inline_backfill_rows(10);
    let proxy = Proxy::start(&database.config()).await;
    let (client, connection) = proxy.config().connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    proxy.forget();
    migrator.run(&client).await.unwrap();
    let round_trips = proxy.connection().round_trips;
    assert!(round_trips <= 11, "{round_trips} round trips");
    proxy.forget();
    assert!(migrator.run(&client).await.unwrap().is_noop());
    assert_eq!((proxy.connection().round_trips, proxy.connection().tags(Side::Client).as_str()), (1, "Q"));
}

/// Over a client of the caller's, the connection that works holds the lock.
#[tokio::test]
async fn the_lock_is_held_until_what_comes_after_a_backfill_is_done() {
    let (_database, client) = database().await;
    let [first, fill, after, _] = scripts(10);
    let holds = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) \
                 THEN RAISE 'the lock is lost'; END IF; END $$;";
    let set = sets::set("filled", [first, fill, after, Scripts::up(4, holds)]);
    assert_eq!(Migrator::new(set).run(&client).await.unwrap().steps.len(), 4);
}
