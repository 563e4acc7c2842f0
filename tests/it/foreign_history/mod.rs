//! Another tool's table as the history: its rows count, and new rows have the tool's own format.

mod stopped;

use migrate_core::history::foreign::{refinery, sqlx};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::tools::{self, ForeignTable, Tool};
use migrate_postgres::{
    Action, AttemptOutcome, Error, MigrationStatus, Migrator, Refused, Resolution, Set, SetPosition,
};
use migrate_tests::histories::{Case, DIESEL, POSTS, PRISMA, REFINERY, SQLX, TAGS, USERS};
use migrate_tests::proxy::Proxy;
use migrate_tests::sets::folder_of;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

type Kept = fn() -> ForeignTable;

const KEPT: [(Case, Kept); 4] =
    [(PRISMA, tools::prisma), (SQLX, tools::sqlx), (REFINERY, tools::refinery), (DIESEL, tools::diesel)];

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

async fn one<T: for<'r> tokio_postgres::types::FromSql<'r>>(client: &Client, sql: &str) -> T {
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// A migrator of files, with a tool's history.
fn migrator_of(files: &[(&str, &str)], kept: ForeignTable) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap()).foreign_history(kept)
}

#[tokio::test]
async fn where_the_tool_left_off_this_library_goes_on() {
    for (case, kept) in KEPT {
        let (database, migrator) = (case.database().await, case.migrator().foreign_history(kept()));
        let planned = migrator.plan(database.url()).await.unwrap().steps.len();
        let report = migrator.run(database.url()).await.unwrap();
        assert_eq!((planned, report.steps.len(), report.applied), (1, 1, 3), "{}: {report}", case.tool);
        let client = database.connect().await.unwrap();
        assert!(one::<bool>(&client, "SELECT to_regclass('migrate_history') IS NULL").await);
        assert!(one::<bool>(&client, "SELECT to_regclass('tags') IS NOT NULL").await);
        let attempts = migrator.history(database.url()).await.unwrap();
        assert!(attempts.iter().filter(|attempt| attempt.live).count() == 3, "{attempts:?}");
        assert!(migrator.status(database.url()).await.is_ok());
    }
}

#[tokio::test]
async fn a_boot_with_nothing_pending_is_one_round_trip() {
    for (case, kept) in KEPT {
        let (database, migrator) = (case.database().await, case.migrator().foreign_history(kept()));
        migrator.run(database.url()).await.unwrap();
        let proxy = Proxy::start(&database.config()).await;
        assert!(migrator.run(&proxy.config()).await.unwrap().is_noop(), "{}", case.tool);
        assert_eq!(proxy.connection().round_trips, 1);
        assert!(migrator.position(database.url()).await.unwrap().is_up_to_date());
    }
}

#[tokio::test]
async fn in_an_empty_database_the_table_is_made_as_the_tool_makes_it() {
    for (case, kept) in KEPT {
        let (theirs, ours) = (case.database().await, database().await);
        let report = case.migrator().foreign_history(kept()).run(ours.url()).await.unwrap();
        assert_eq!(report.applied, 3, "{}", case.tool);
        let mut shapes = Vec::new();
        for database in [&theirs, &ours] {
            let client = database.connect().await.unwrap();
            let columns = format!(
                "SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, \
                   pg_get_expr(adbin, adrelid)), ', ' ORDER BY attnum) \
                 FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
                 WHERE attrelid = '{0}'::regclass AND attnum > 0",
                case.tool.table()
            );
            let keys = format!(
                "SELECT string_agg(pg_get_indexdef(indexrelid), ';') FROM pg_index WHERE indrelid = '{}'::regclass",
                case.tool.table()
            );
            shapes.push((one::<String>(&client, &columns).await, one::<String>(&client, &keys).await));
        }
        assert_eq!(shapes[0], shapes[1], "{}", case.tool);
    }
}

#[tokio::test]
async fn the_rows_are_as_the_tool_writes_them() {
    let checks = [
        (
            PRISMA,
            "SELECT id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' AND logs IS NULL \
             AND checksum = encode(sha256('CREATE TABLE tags (id bigint);\n'), 'hex') AND rolled_back_at IS NULL \
             AND finished_at > started_at AND started_at > now() - interval '1 hour' AND applied_steps_count = 1 \
             FROM _prisma_migrations WHERE migration_name = '20260107_tags'",
        ),
        (
            SQLX,
            "SELECT description = 'tags' AND success AND checksum = sha384('CREATE TABLE tags (id bigint);\n') \
             AND execution_time BETWEEN 1000 AND 60000000000 AND installed_on > now() - interval '1 hour' \
             FROM _sqlx_migrations WHERE version = 20260107000000",
        ),
        (
            REFINERY,
            "SELECT name = 'tags' AND applied_on ~ '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$' \
             AND checksum = '$tags' FROM refinery_schema_history WHERE version = 3",
        ),
        (
            DIESEL,
            "SELECT run_on::timestamptz > now() - interval '1 hour' FROM __diesel_schema_migrations \
             WHERE version = '20260107000000'",
        ),
    ];
    for ((case, check), (_, kept)) in checks.into_iter().zip(KEPT) {
        let database = case.database().await;
        case.migrator().foreign_history(kept()).run(database.url()).await.unwrap();
        let client = database.connect().await.unwrap();
        let check = check.replace("$tags", &refinery::checksum("tags", 3_i32, TAGS).to_string());
        assert!(one::<bool>(&client, &check).await, "{}: {}", case.tool, case.rows(&client).await);
    }
}

#[tokio::test]
async fn refinerys_wide_versions_have_checksums_of_their_own() {
    let database = REFINERY.database().await;
    let client = database.connect().await.unwrap();
    let wide = |name: &str, version: i64, text: &str| refinery::checksum(name, version, text).to_string();
    let widen = format!(
        "ALTER TABLE refinery_schema_history ALTER version TYPE int8; \
         UPDATE refinery_schema_history SET checksum = CASE version WHEN 1 THEN '{}' ELSE '{}' END",
        wide("users", 1, USERS),
        wide("posts", 2, POSTS)
    );
    client.batch_execute(&widen).await.unwrap();
    let migrator = REFINERY.migrator().foreign_history(tools::refinery());
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
    let checksum: String =
        one(&client, "SELECT checksum FROM refinery_schema_history WHERE version = 3").await;
    assert_eq!(checksum, wide("tags", 3, TAGS));
}

#[tokio::test]
async fn what_is_reverted_is_recorded_as_the_tool_does() {
    let files: [(Case, Kept, [&str; 2], &str); 4] = [
        (PRISMA, tools::prisma, ["1_a/migration.sql", "1_a/down.sql"], "rolled_back_at IS NOT NULL"),
        (SQLX, tools::sqlx, ["1_a.up.sql", "1_a.down.sql"], "true"),
        (REFINERY, tools::refinery, ["1_a.up.sql", "1_a.down.sql"], "true"),
        (DIESEL, tools::diesel, ["1_a/up.sql", "1_a/down.sql"], "true"),
    ];
    for (case, kept, [up, down], is_reverted) in files {
        let database = database().await;
        let client = database.connect().await.unwrap();
        let migrator = migrator_of(&[(up, "CREATE TABLE a ();"), (down, "DROP TABLE a;")], kept());
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
        assert_eq!(migrator.down(database.url(), 1).await.unwrap().steps[0].action, Action::Revert);
        let table = case.tool.table();
        let left = format!(
            "SELECT count(*) FROM {table} WHERE NOT ({is_reverted}) OR '{table}' <> '_prisma_migrations'"
        );
        assert_eq!(one::<i64>(&client, &left).await, 0, "{}", case.tool);
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1, "{}", case.tool);
        assert_eq!(migrator.redo(database.url(), 1).await.unwrap().steps.len(), 2, "{}", case.tool);
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test]
async fn an_edited_file_is_found_by_the_tools_checksum() {
    for (case, kept) in &KEPT[..3] {
        let database = case.database().await;
        let migrator =
            case.migrator_of([USERS, "CREATE TABLE posts (id int);\n", TAGS]).foreign_history(kept());
        let error = migrator.run(database.url()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Refused(Refused::Edited { name, .. }) if name.contains("posts")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn where_the_tool_has_failed_nothing_goes_on() {
    let cases: [(Case, Kept, &str, &str); 2] = [
        (
            PRISMA,
            tools::prisma,
            "UPDATE _prisma_migrations SET finished_at = NULL, logs = 'no' WHERE migration_name ~ 'users'",
            "prisma migrate resolve",
        ),
        (
            SQLX,
            tools::sqlx,
            "UPDATE _sqlx_migrations SET success = false WHERE version = 1",
            "SET success = true",
        ),
    ];
    for (case, kept, damage, way_out) in cases {
        let (database, migrator) = (case.database().await, case.migrator().foreign_history(kept()));
        database.connect().await.unwrap().batch_execute(damage).await.unwrap();
        let error = migrator.run(database.url()).await.unwrap_err();
        assert!(matches!(&error, Error::Refused(Refused::UnusableHistory(_))), "{error}");
        assert!(error.to_string().contains(way_out), "{error}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_no_row_that_would_stop_the_tool() {
    for (case, kept) in KEPT {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        let before = case.rows(&client).await;
        let broken =
            case.migrator_of([USERS, POSTS, "CREATE TABLE tags (id nonsense);\n"]).foreign_history(kept());
        let error = broken.run(database.url()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("42704"), "{error}");
        assert_eq!(case.rows(&client).await, before, "{}", case.tool);
    }
}

/// The key of a tool's own advisory lock in a database.
async fn key(tool: Tool, client: &Client) -> i64 {
    match tool {
        Tool::Prisma => 72_707_369,
        _ => sqlx::lock_key(&one::<String>(client, "SELECT current_database()::text").await),
    }
}

#[tokio::test]
async fn while_the_tool_works_this_library_waits() {
    for (case, kept) in &KEPT[..2] {
        let (database, migrator) = (case.database().await, case.migrator().foreign_history(kept()));
        let client = database.connect().await.unwrap();
        let key = key(case.tool, &client).await;
        client.execute("SELECT pg_advisory_lock($1)", &[&key]).await.unwrap();
        let url = database.url().to_owned();
        let run = tokio::spawn(async move { migrator.run(&url).await });
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(!run.is_finished());
        assert!(one::<bool>(&client, "SELECT to_regclass('tags') IS NULL").await, "{}", case.tool);
        client.execute("SELECT pg_advisory_unlock($1)", &[&key]).await.unwrap();
        assert_eq!(run.await.unwrap().unwrap().steps.len(), 1);
    }
}

#[tokio::test]
async fn while_this_library_works_the_tool_waits() {
    for (case, kept) in &KEPT[..2] {
        let database = case.database().await;
        let slow = "CREATE TABLE tags (id bigint); SELECT pg_sleep(1);\n";
        let migrator = case.migrator_of([USERS, POSTS, slow]).foreign_history(kept());
        let client = database.connect().await.unwrap();
        let key = key(case.tool, &client).await;
        let url = database.url().to_owned();
        let run = tokio::spawn(async move { migrator.run(&url).await });
        let began = Instant::now();
        // The tool's own call, which waits.
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        while one::<i64>(&client, asleep).await == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "the migration never began");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        client.execute("SELECT pg_advisory_lock($1)", &[&key]).await.unwrap();
        assert!(one::<bool>(&client, "SELECT to_regclass('tags') IS NOT NULL").await, "{}", case.tool);
        assert_eq!(run.await.unwrap().unwrap().steps.len(), 1);
    }
}

#[tokio::test]
async fn sixteen_replicas_apply_once() {
    for (case, kept) in KEPT {
        let (database, migrator) = (case.database().await, case.migrator().foreign_history(kept()));
        let replicas: Vec<_> = (0..16)
            .map(|_| {
                let (url, migrator) = (database.url().to_owned(), migrator.clone());
                tokio::spawn(async move { migrator.run(&url).await })
            })
            .collect();
        let mut steps = 0;
        for replica in replicas {
            steps += replica.await.unwrap().unwrap().steps.len();
        }
        assert_eq!(steps, 1, "{}", case.tool);
    }
}

#[tokio::test]
async fn a_newer_release_may_have_been_there() {
    for (case, kept) in KEPT {
        let database = case.database().await;
        case.migrator().foreign_history(kept()).run(database.url()).await.unwrap();
        let [first, second, _] = case.files;
        let older = migrator_of(&[(first, USERS), (second, POSTS)], kept());
        let proxy = Proxy::start(&database.config()).await;
        let report = older.run(&proxy.config()).await.unwrap();
        assert!(report.is_noop() && report.applied == 3, "{}: {report}", case.tool);
        assert_eq!(proxy.connection().round_trips, 1);
        let error = older.allow_ahead(false).run(database.url()).await.unwrap_err();
        assert!(matches!(error, Error::Refused(Refused::Ahead { .. })), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_tools_table_is_said_before_anything_is_done() {
    let database = database().await;
    let migrator = migrator_of(&[("2026a_x/up.sql", "SELECT 1")], tools::sqlx());
    let error = migrator.run(database.url()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2026a_x can't be recorded in a history of sqlx: its version is not a 64-bit integer; nothing was changed\n\
         next: name the migration as sqlx expects, or take over its history (`adopt`)"
    );
}

#[tokio::test]
async fn a_baseline_is_marked_in_the_tools_table() {
    for (case, kept) in KEPT {
        let (database, migrator) = (database().await, case.migrator().foreign_history(kept()));
        let second = migrator.set().iter().nth(1).unwrap().name().to_owned();
        assert_eq!(migrator.baseline(database.url(), &second).await.unwrap().steps.len(), 2);
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1, "{}", case.tool);
    }
}

#[tokio::test]
async fn another_schema_may_hold_the_table() {
    for (case, kept) in KEPT {
        let (database, migrator) = (case.database().await, case.migrator());
        let client = database.connect().await.unwrap();
        let moving =
            format!("CREATE SCHEMA \"Old one\"; ALTER TABLE {} SET SCHEMA \"Old one\"", case.tool.table());
        client.batch_execute(&moving).await.unwrap();
        let migrator = migrator.foreign_history(kept().schema("Old one"));
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1, "{}", case.tool);
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
}
