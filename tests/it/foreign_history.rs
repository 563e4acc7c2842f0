//! Another tool's table as the history: its rows count, and new rows have the tool's own format.

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

const CONCURRENTLY: &str = "CREATE INDEX CONCURRENTLY users_id ON users (id);\n\
                            CREATE UNIQUE INDEX CONCURRENTLY posts_id ON posts (id);\n";

/// The number of migrations in progress or interrupted: in the tool's own table, where the tool considers
/// them failed, or in the table of checkpoints beside it.
fn open(tool: Tool) -> String {
    match tool {
        Tool::Prisma => {
            "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL"
                .to_owned()
        }
        Tool::Sqlx => "SELECT count(*) FROM _sqlx_migrations WHERE NOT success".to_owned(),
        tool => format!("SELECT count(to_regclass('{}_checkpoint'))", tool.table()),
    }
}

#[tokio::test]
async fn a_script_that_was_stopped_between_its_statements_goes_on_there() {
    for (case, kept) in KEPT {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        client.batch_execute("INSERT INTO posts VALUES (1), (1)").await.unwrap();
        let migrator = case.migrator_of([USERS, POSTS, CONCURRENTLY]).foreign_history(kept());
        let error = migrator.run(database.url()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("23505"), "{error}");
        assert_eq!(one::<i64>(&client, &open(case.tool)).await, 1, "{}", case.tool);
        let attempts = migrator.history(database.url()).await.unwrap();
        let last = attempts.last().unwrap();
        assert!(matches!(last.outcome, AttemptOutcome::Unfinished { statements_done: 1, .. }), "{last:?}");
        let status = migrator.status(database.url()).await.unwrap();
        assert!(
            matches!(status.rows[2].state, MigrationStatus::Interrupted { statements_done: 1, .. }),
            "{status}"
        );
        client.batch_execute("DELETE FROM posts").await.unwrap();
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
        assert_eq!(one::<i64>(&client, &open(case.tool)).await, 0, "{}", case.tool);
        assert_eq!(one::<i64>(&client, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
        let proxy = Proxy::start(&database.config()).await;
        assert!(migrator.run(&proxy.config()).await.unwrap().is_noop(), "{}", case.tool);
        assert_eq!(proxy.connection().round_trips, 1);
    }
}

/// No tool's table has a column for it: during the attempt the tool's row stays.
#[tokio::test]
async fn a_revert_that_was_stopped_between_its_statements_goes_on_there_or_is_settled() {
    let down = "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY nosuch;";
    let up = "CREATE TABLE a (id int); CREATE INDEX i ON a (id);";
    let files: [(Kept, [&str; 2]); 4] = [
        (tools::prisma, ["1_a/migration.sql", "1_a/down.sql"]),
        (tools::sqlx, ["1_a.up.sql", "1_a.down.sql"]),
        (tools::refinery, ["1_a.up.sql", "1_a.down.sql"]),
        (tools::diesel, ["1_a/up.sql", "1_a/down.sql"]),
    ];
    for (kept, [up_file, down_file]) in files {
        for resolution in
            [None, Some(Resolution::Applied), Some(Resolution::Reverted), Some(Resolution::ResumeAt(3))]
        {
            let down = format!("{down} DROP TABLE a;");
            let database = database().await;
            let client = database.connect().await.unwrap();
            let migrator = migrator_of(&[(up_file, up), (down_file, &down)], kept());
            migrator.run(database.url()).await.unwrap();
            let name = migrator.set().iter().next().unwrap().name().to_owned();
            assert_eq!(migrator.down(database.url(), 1).await.unwrap_err().sqlstate(), Some("42704"));
            let position = migrator.position(database.url()).await.unwrap();
            assert!(matches!(position, SetPosition::Interrupted { .. }), "{position:?}");
            let refused = migrator.run(database.url()).await.unwrap_err();
            assert!(matches!(&refused, Error::Refused(Refused::Interrupted { .. })), "{refused}");
            match resolution {
                None => client.batch_execute("CREATE INDEX nosuch ON a (id)").await.unwrap(),
                Some(Resolution::Reverted) => client.batch_execute("DROP TABLE a").await.unwrap(),
                _ => {}
            }
            if let Some(resolution) = resolution {
                let resolved = migrator.resolve(database.url(), &name, resolution, "looked").await;
                resolved.unwrap_or_else(|error| panic!("{up_file} {resolution:?}: {error}"));
            }
            let (reverted, is_there) = match resolution {
                Some(Resolution::Applied) => (false, true),
                Some(Resolution::Reverted) => (false, false),
                _ => (true, false),
            };
            if reverted {
                assert_eq!(migrator.down(database.url(), 1).await.unwrap().steps.len(), 1);
            }
            let left = "SELECT count(*) FROM pg_class WHERE relname ~ '_checkpoint$'";
            assert_eq!(one::<i64>(&client, left).await, 0, "{resolution:?}");
            let again = migrator.run(database.url()).await.unwrap().steps.len();
            assert_eq!(again, usize::from(!is_there), "{resolution:?}");
        }
    }
}

/// Waits until a query is true.
async fn until(client: &Client, sql: &str) {
    let began = Instant::now();
    while !one::<bool>(client, sql).await {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {sql}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_script_whose_program_was_lost_in_the_midst_of_a_statement_goes_on_there() {
    for (case, kept) in &KEPT {
        let database = case.database().await;
        let (client, blocker) = (database.connect().await.unwrap(), database.connect().await.unwrap());
        // A snapshot that the concurrent build waits for.
        blocker.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM users").await.unwrap();
        let migrator = case.migrator_of([USERS, POSTS, CONCURRENTLY]).foreign_history(kept());
        let (url, running) = (database.url().to_owned(), migrator.clone());
        let run = tokio::spawn(async move { running.run(&url).await });
        until(&client, "SELECT count(*) = 1 FROM pg_stat_progress_create_index").await;
        run.abort();
        let (url, running) = (database.url().to_owned(), migrator.clone());
        let again = tokio::spawn(async move { running.run(&url).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        blocker.batch_execute("COMMIT").await.unwrap();
        let report = again.await.unwrap().unwrap_or_else(|error| panic!("{}: {error}", case.tool));
        assert_eq!(report.steps.len(), 1, "{}", case.tool);
        assert_eq!(one::<i64>(&client, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
        assert!(migrator.run(database.url()).await.unwrap().is_noop(), "{}", case.tool);
    }
}

#[tokio::test]
async fn what_was_done_by_hand_before_is_said_and_settled_by_hand() {
    for (case, kept) in &KEPT[2..] {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        let single = [USERS, POSTS, "CREATE INDEX CONCURRENTLY users_id ON users (id);\n"];
        let migrator = case.migrator_of(single).foreign_history(kept());
        client.batch_execute(single[2]).await.unwrap();
        let error = migrator.run(database.url()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("42P07"), "{error}");
        let name = migrator.set().iter().next_back().unwrap().name().to_owned();
        let settled = migrator.resolve(database.url(), &name, Resolution::Applied, "it is there").await;
        assert_eq!(settled.unwrap().steps[0].action, Action::Mark, "{}", case.tool);
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test]
async fn a_script_that_was_stopped_can_be_settled_by_hand() {
    for (case, kept) in &KEPT {
        for resolution in [Resolution::Applied, Resolution::Reverted, Resolution::ResumeAt(1)] {
            let database = case.database().await;
            let client = database.connect().await.unwrap();
            client.batch_execute("INSERT INTO posts VALUES (1), (1)").await.unwrap();
            let migrator = case.migrator_of([USERS, POSTS, CONCURRENTLY]).foreign_history(kept());
            let name = migrator.set().iter().next_back().unwrap().name().to_owned();
            migrator.run(database.url()).await.unwrap_err();
            let mend = match resolution {
                Resolution::Applied => "DELETE FROM posts; REINDEX INDEX posts_id",
                _ => "DELETE FROM posts; DROP INDEX users_id; DROP INDEX posts_id",
            };
            client.batch_execute(mend).await.unwrap();
            let settled = migrator.resolve(database.url(), &name, resolution, "looked").await;
            settled.unwrap_or_else(|error| panic!("{} {resolution:?}: {error}", case.tool));
            let steps = migrator.run(database.url()).await.unwrap().steps.len();
            assert_eq!(steps, usize::from(resolution != Resolution::Applied), "{} {resolution:?}", case.tool);
            assert_eq!(one::<i64>(&client, "SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text IN ('users_id', 'posts_id') AND indisvalid").await, 2);
        }
    }
}

#[tokio::test]
async fn a_role_that_may_make_no_table_runs_what_is_committed_in_one_part() {
    for (case, kept) in &KEPT[2..] {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        let role = format!("keeps_{}", database.name());
        let tables = format!("{}, users, posts", case.tool.table());
        let make = format!(
            "CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT ALL ON {tables} TO {role}; \
             ALTER TABLE users OWNER TO {role}"
        );
        client.batch_execute(&make).await.unwrap();
        let mut config = database.config();
        config.user(&role);
        let several = "VACUUM users; ANALYZE users;";
        let several = case.migrator_of([USERS, POSTS, several]).foreign_history(kept());
        let error = several.run(&config).await.unwrap_err();
        assert!(matches!(&error, Error::NoCheckpoints { statements: 2, .. }), "{error}");
        let single = "SET maintenance_work_mem = '1MB';\nVACUUM users;\n";
        let single = case.migrator_of([USERS, POSTS, single]).foreign_history(kept());
        assert_eq!(single.run(&config).await.unwrap().steps.len(), 1, "{}", case.tool);
        assert!(single.run(&config).await.unwrap().is_noop(), "{}", case.tool);
        client
            .batch_execute(&format!(
                "REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
            ))
            .await
            .unwrap();
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
