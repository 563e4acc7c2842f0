//! Moving from another tool: its history is adopted once, completely or not at all, and never changed.

mod unadopted;

use migrate_core::history::foreign::sqlx::lock_key;
use migrate_postgres::drift::Comparison;
use migrate_postgres::testing;
use migrate_postgres::tools::{self, ForeignMigrationState, Obstacle, Tool};
use migrate_postgres::{Action, Down, Error, Event, Migrator, Refused, Set};
use migrate_tests::histories::{
    CASES, Case, DBMATE, DIESEL, FIRST, FLYWAY, GOLANG_MIGRATE, POSTS, PRISMA, REFINERY, SQLX, TAGS, USERS,
};
use migrate_tests::proxy::Proxy;
use migrate_tests::sets::{Scripts, folder_of, set};
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;

fn migrator(case: &Case) -> Migrator {
    case.migrator().adopt()
}

async fn exists(client: &Client, table: &str) -> bool {
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_each_tool_has_applied_is_adopted_and_the_rest_is_applied() {
    for case in CASES {
        let tool = case.tool;
        let (database, migrator) = (case.database().await, migrator(&case));
        let client = database.connect().await.unwrap();
        let before = case.rows(&client).await;

        let planned: Vec<String> =
            migrator.plan(database.url()).await.unwrap().steps.iter().map(ToString::to_string).collect();
        assert_eq!(planned.len(), 3, "{tool}: {planned:?}");
        assert!(
            planned[1].ends_with(&format!("adopted from public.{} ({tool})", tool.table())),
            "{planned:?}"
        );
        assert!(!exists(&client, "migrate_history").await, "{tool}: a plan writes nothing");

        let report = migrator.run(database.url()).await.unwrap();
        let actions: Vec<Action> = report.steps.iter().map(|step| step.action).collect();
        assert_eq!(actions, [Action::Mark, Action::Mark, Action::Apply], "{tool}: {report}");
        assert_eq!(report.applied, 3);
        assert!(exists(&client, "tags").await);
        assert_eq!(case.rows(&client).await, before, "{tool}: its table was touched");

        let attempts = migrator.history(database.url()).await.unwrap();
        assert_eq!(attempts.len(), 3);
        assert_eq!(
            attempts[0].reason.as_deref(),
            Some(&*format!("adopted from public.{} ({tool})", tool.table()))
        );
        if !matches!(tool, Tool::GolangMigrate | Tool::Tern | Tool::Dbmate | Tool::Rails) {
            assert_eq!(attempts[0].started_at, SystemTime::UNIX_EPOCH + FIRST, "{tool}");
        }
        let took =
            matches!(tool, Tool::Prisma | Tool::Sqlx | Tool::Flyway).then_some(Duration::from_millis(1500));
        assert_eq!(attempts[0].took, took, "{tool}");

        assert!(migrator.run(database.url()).await.unwrap().is_noop(), "{tool}");
        assert!(migrator.run(database.url()).await.unwrap().notices.is_empty(), "{tool}");
    }
}

#[tokio::test]
async fn what_is_there_is_said_and_nothing_is_written() {
    for case in CASES {
        let database = case.database().await;
        let found = migrator(&case).foreign_histories(database.url()).await.unwrap();
        let [history] = &found[..] else { panic!("{found:?}") };
        assert_eq!((history.tool, &*history.table), (case.tool, &*format!("public.{}", case.tool.table())));
        let applied = if matches!(case.tool, Tool::GolangMigrate | Tool::Tern) { 1 } else { 2 };
        assert_eq!(history.applied().count(), applied, "{history:?}");
    }
}

#[tokio::test]
async fn a_file_that_was_edited_since_is_found_by_the_tools_own_checksum() {
    for case in [PRISMA, SQLX, REFINERY, FLYWAY] {
        let database = case.database().await;
        let migrator = case.migrator_of([USERS, "CREATE TABLE posts (id int);\n", TAGS]).adopt();
        let error = migrator.run(database.url()).await.unwrap_err();
        let Error::Refused(Refused::UnusableHistory(not)) = &error else { panic!("{error}") };
        assert!(
            matches!(&not.obstacles[..], [Obstacle::Edited { name, .. }] if name.contains("posts")),
            "{}: {error}",
            case.tool
        );
        assert!(migrator.plan(database.url()).await.is_err());
        let client = database.connect().await.unwrap();
        assert!(!exists(&client, "migrate_history").await && !exists(&client, "tags").await);
    }
}

#[tokio::test]
async fn other_line_endings_and_a_byte_order_mark_are_no_edit() {
    for case in [PRISMA, SQLX, REFINERY, FLYWAY] {
        let database = case.database().await;
        let [users, posts] = [USERS, POSTS].map(|text| format!("\u{feff}{}", text.replace('\n', "\r\n")));
        let report = case.migrator_of([&users, &posts, TAGS]).adopt().run(database.url()).await.unwrap();
        assert_eq!(report.steps.len(), 3, "{}", case.tool);
    }
}

#[tokio::test]
async fn a_failed_migration_of_the_tools_is_refused_until_it_is_settled() {
    let cases = [
        (
            PRISMA,
            "UPDATE _prisma_migrations SET finished_at = NULL, logs = 'no such table' WHERE migration_name ~ 'posts'",
            "prisma migrate resolve --applied 20260106_posts",
        ),
        (SQLX, "UPDATE _sqlx_migrations SET success = false WHERE version > 1", "SET success = true"),
        (GOLANG_MIGRATE, "UPDATE schema_migrations SET dirty = true", "migrate force 2"),
        (FLYWAY, "UPDATE flyway_schema_history SET success = false WHERE version = '2'", "flyway repair"),
    ];
    for (case, damage, way_out) in cases {
        let (database, migrator) = (case.database().await, migrator(&case));
        let client = database.connect().await.unwrap();
        client.batch_execute(damage).await.unwrap();
        let error = migrator.run(database.url()).await.unwrap_err();
        assert!(error.to_string().contains(way_out), "{error}");
        assert!(!exists(&client, "migrate_history").await);
        let found = migrator.foreign_histories(database.url()).await.unwrap();
        assert!(
            found[0].found.iter().any(|found| matches!(found.state, ForeignMigrationState::Failed { .. }))
        );
    }
}

#[tokio::test]
async fn sixteen_replicas_adopt_once() {
    let (database, migrator) = (SQLX.database().await, migrator(&SQLX));
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
    assert_eq!(steps, 3);
    assert_eq!(migrator.history(database.url()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn while_the_tool_works_its_history_is_not_adopted() {
    for case in [SQLX, PRISMA] {
        let (database, migrator) = (case.database().await, migrator(&case));
        let client = database.connect().await.unwrap();
        let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
        let key = if case.tool == Tool::Sqlx { lock_key(&name) } else { 72_707_369 };
        client.execute("SELECT pg_advisory_lock($1)", &[&key]).await.unwrap();
        let (url, running) = (database.url().to_owned(), migrator.clone());
        let run = tokio::spawn(async move { running.run(&url).await });
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!run.is_finished());
        // The tool's history ends with the last migration.
        let row = match case.tool {
            Tool::Sqlx => {
                "INSERT INTO _sqlx_migrations SELECT 20260107000000, 'tags', now(), true, \
                           sha384('CREATE TABLE tags (id bigint);\n'), 5"
            }
            _ => {
                "INSERT INTO _prisma_migrations SELECT 'id', encode(sha256('CREATE TABLE tags (id bigint);\n'), 'hex'), \
                  now(), '20260107_tags', NULL, NULL, now(), 1"
            }
        };
        client.batch_execute(&format!("BEGIN; {TAGS}; {row}; COMMIT")).await.unwrap();
        client.execute("SELECT pg_advisory_unlock($1)", &[&key]).await.unwrap();
        let report = run.await.unwrap().unwrap();
        assert!(report.steps.iter().all(|step| step.action == Action::Mark), "{report}");
        assert_eq!(report.steps.len(), 3);
    }
}

/// Runs SQL on a separate thread, and waits for it.
fn from_another_thread(config: &tokio_postgres::Config, sql: &str) {
    let (config, sql) = (config.clone(), sql.to_owned());
    let run = async move {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&sql).await.unwrap();
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(run)).join().unwrap();
}

#[tokio::test]
async fn a_row_that_comes_between_reading_and_adopting_is_adopted_too() {
    // diesel takes no lock that would prevent it from working in the meantime.
    let database = DIESEL.database().await;
    let (config, once) = (database.config(), std::sync::Once::new());
    let row = format!("{TAGS}; INSERT INTO __diesel_schema_migrations VALUES ('20260107000000')");
    let migrator = migrator(&DIESEL).on_event(move |event| {
        if matches!(event, Event::Started { .. }) {
            once.call_once(|| from_another_thread(&config, &row));
        }
    });
    let report = migrator.run(database.url()).await.unwrap();
    assert!(report.steps.iter().all(|step| step.action == Action::Mark), "{report}");
    assert_eq!(report.steps.len(), 3);
}

#[tokio::test]
async fn to_a_version_is_after_the_adoption_too() {
    let (database, migrator) = (GOLANG_MIGRATE.database().await, migrator(&GOLANG_MIGRATE));
    let report = migrator.to(database.url(), "3").await.unwrap();
    let actions: Vec<Action> = report.steps.iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Mark, Action::Mark, Action::Apply]);
}

#[tokio::test]
async fn a_boot_after_the_adoption_is_one_round_trip_and_does_not_look_at_the_old_table() {
    let (database, migrator) = (SQLX.database().await, migrator(&SQLX));
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let proxy = Proxy::start(&database.config()).await;
    assert!(migrator.run(&proxy.config()).await.unwrap().is_noop());
    assert_eq!(proxy.connection().round_trips, 1);
}

#[tokio::test]
async fn all_is_adopted_or_nothing() {
    let (database, migrator) = (SQLX.database().await, migrator(&SQLX));
    let client = database.connect().await.unwrap();
    let other = migrate_tests::sets::set("other", [migrate_tests::sets::Scripts::up(1, "SELECT 1")]);
    Migrator::new(other).run(database.url()).await.unwrap();
    client.batch_execute("ALTER TABLE migrate_history ADD CHECK (name NOT LIKE '%posts')").await.unwrap();
    migrator.run(database.url()).await.unwrap_err();
    let done = migrator.history(database.url()).await.unwrap().into_iter().filter(|attempt| attempt.live);
    assert_eq!(done.count(), 0);
    assert!(!exists(&client, "tags").await);
    client
        .batch_execute("ALTER TABLE migrate_history DROP CONSTRAINT migrate_history_name_check")
        .await
        .unwrap();
    assert_eq!(migrator.run(database.url()).await.unwrap().applied, 3);
}

#[tokio::test]
async fn what_was_reverted_since_is_not_adopted_again() {
    let case = GOLANG_MIGRATE;
    let database = case.database().await;
    let files = [
        ("1_users.up.sql", USERS),
        ("1_users.down.sql", "DROP TABLE users"),
        ("2_posts.up.sql", POSTS),
        ("2_posts.down.sql", "DROP TABLE posts"),
    ];
    let migrator = Migrator::new(Set::from_folder(folder_of(&files).path()).unwrap()).adopt();
    assert_eq!(migrator.run(database.url()).await.unwrap().applied, 2);
    migrator.down(database.url(), Down::all()).await.unwrap_err();
    migrator.down(database.url(), Down::all().including_marked()).await.unwrap();
    let report = migrator.run(database.url()).await.unwrap();
    assert!(report.steps.iter().all(|step| step.action == Action::Apply), "{report}");
}

#[tokio::test]
async fn an_attempt_that_failed_before_does_not_keep_from_adopting() {
    let (database, migrator) = (SQLX.database().await, migrator(&SQLX));
    let set = migrator.set().clone();
    let without = Migrator::new(set).ignore_foreign_history();
    let without = without.run(database.url()).await.unwrap_err();
    assert_eq!(without.sqlstate(), Some("42P07"));
    assert_eq!(migrator.run(database.url()).await.unwrap().applied, 3);
}

#[tokio::test]
async fn with_several_histories_the_one_that_counts_has_to_be_named() {
    let (database, migrator) = (SQLX.database().await, migrator(&SQLX));
    let client = database.connect().await.unwrap();
    client.batch_execute(DBMATE.history).await.unwrap();
    let error = migrator.run(database.url()).await.unwrap_err();
    let expected = "several histories could be adopted: public._sqlx_migrations (sqlx), public.schema_migrations (dbmate); \
                    nothing was changed\nnext: choose one (`adopt_from(tools::sqlx())`)";
    assert_eq!(error.to_string(), expected);
    let named = migrator.clone().adopt_from(tools::sqlx());
    assert_eq!(named.run(database.url()).await.unwrap().steps.len(), 3);
}

#[tokio::test]
async fn a_history_may_be_in_another_schema_and_under_another_name() {
    let (database, migrator) = (SQLX.database().await, migrator(&SQLX));
    let client = database.connect().await.unwrap();
    let moving = "CREATE SCHEMA \"Old one\"; ALTER TABLE _sqlx_migrations SET SCHEMA \"Old one\"";
    client.batch_execute(moving).await.unwrap();
    // If the search path leads to none, the only history is used.
    let planned = migrator.plan(database.url()).await.unwrap();
    assert_eq!(planned.steps[0].reason.as_deref(), Some("adopted from Old one._sqlx_migrations (sqlx)"));
    client.batch_execute("ALTER TABLE \"Old one\"._sqlx_migrations RENAME TO applied").await.unwrap();
    assert!(migrator.plan(database.url()).await.unwrap().notices.is_empty());
    let named = migrator.clone().adopt_from(tools::sqlx().schema("Old one").table("applied"));
    assert_eq!(named.run(database.url()).await.unwrap().steps[0].action, Action::Mark);
}

#[tokio::test]
async fn a_table_that_is_not_the_tools_is_an_error_where_it_was_named() {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE _sqlx_migrations (version text)").await.unwrap();
    let migrator = migrator(&SQLX);
    assert!(migrator.plan(database.url()).await.unwrap().notices.is_empty(), "by itself it is nobody's");
    let error = migrator.adopt_from(tools::sqlx()).run(database.url()).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTable { tool: Tool::Sqlx, .. }), "{error}");
}

#[tokio::test]
async fn an_empty_database_is_migrated_as_ever() {
    for case in [SQLX, PRISMA] {
        let database = testing::server().unwrap().database().await.unwrap();
        let report = migrator(&case).run(database.url()).await.unwrap();
        assert!(report.steps.iter().all(|step| step.action == Action::Apply));
        assert_eq!(report.applied, 3);
    }
}
