//! Moving here from another tool: its history is adopted once, whole or not at all, and never touched.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::tools::{self, FoundState, Obstacle, Tool};
use migrate_postgres::{Action, Down, Error, Migrator, Refused, Set};
use migrate_tests::proxy::Proxy;
use migrate_tests::sets::{Folder, folder_of};
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;

const USERS: &str = "CREATE TABLE users (id bigint);\n";
const POSTS: &str = "CREATE TABLE posts (id bigint);\n";
const TAGS: &str = "CREATE TABLE tags (id bigint);\n";

/// A tool's directory, and SQL that makes its history with the first two migrations applied, exactly as the tool does.
struct Case {
    tool: Tool,
    files: [&'static str; 3],
    history: &'static str,
}

/// The time that all histories below give for their first migration, where they give one.
const FIRST: Duration = Duration::from_secs(1_767_607_200);

const PRISMA: Case = Case {
    tool: Tool::Prisma,
    files: ["20260105100000_users/migration.sql", "20260106_posts/migration.sql", "20260107_tags/migration.sql"],
    // schema-engine/connectors/sql-schema-connector/src/flavour/postgres.rs and sql_migration_persistence.rs of prisma-engines;
    // the second migration was tried twice.
    history: "CREATE TABLE _prisma_migrations (
            id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
            migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
            started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0);
        INSERT INTO _prisma_migrations (id, checksum, started_at, finished_at, migration_name, applied_steps_count) VALUES
            ('97cfa2e1-8f6a-4b11-a2d2-2f4c3a1b0001', encode(sha256('CREATE TABLE users (id bigint);\n'), 'hex'),
             '2026-01-05 10:00:00+00', '2026-01-05 10:00:01.5+00', '20260105100000_users', 1);
        INSERT INTO _prisma_migrations (id, checksum, started_at, migration_name, logs, rolled_back_at) VALUES
            ('97cfa2e1-8f6a-4b11-a2d2-2f4c3a1b0002', 'an older text', '2026-01-06 10:00:00+00', '20260106_posts', 'boom', now());
        INSERT INTO _prisma_migrations (id, checksum, started_at, finished_at, migration_name, applied_steps_count) VALUES
            ('97cfa2e1-8f6a-4b11-a2d2-2f4c3a1b0003', encode(sha256('CREATE TABLE posts (id bigint);\r\n'), 'hex'),
             '2026-01-06 11:00:00+00', '2026-01-06 11:00:00+00', '20260106_posts', 1)",
};

const SQLX: Case = Case {
    tool: Tool::Sqlx,
    files: ["0001_users.sql", "20260106110000_posts.sql", "20260107000000_tags.sql"],
    // sqlx-postgres/src/migrate.rs of sqlx 0.9.
    history: "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
            version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
            success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL);
        INSERT INTO _sqlx_migrations VALUES
            (1, 'users', '2026-01-05 10:00:00+00', true, sha384('CREATE TABLE users (id bigint);\n'), 1500000000),
            (20260106110000, 'posts', '2026-01-06 11:00:00+00', true, sha384('CREATE TABLE posts (id bigint);\n'), -1)",
};

const REFINERY: Case = Case {
    tool: Tool::Refinery,
    files: ["1_users.sql", "2_posts.sql", "3_tags.sql"],
    // refinery_core/src/traits/mod.rs of refinery 0.10; the checksums are its own for these names and texts.
    history: "CREATE TABLE IF NOT EXISTS refinery_schema_history(
            version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));
        INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES
            (1, 'users', '2026-01-05T10:00:00.000000Z', '$users'), (2, 'posts', '2026-01-06T11:00:00.123456789Z', '$posts')",
};

const DIESEL: Case = Case {
    tool: Tool::Diesel,
    files: [
        "2026-01-05-100000_users/up.sql",
        "2026-01-06-110000_posts/up.sql",
        "2026-01-07-000000_tags/up.sql",
    ],
    // diesel/src/migration/setup_migration_table.sql of diesel 2.3.
    history: "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
            version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
        SET timezone = 'UTC';
        INSERT INTO __diesel_schema_migrations VALUES
            ('20260105100000', '2026-01-05 10:00:00'), ('20260106110000', '2026-01-06 11:00:00')",
};

const GOLANG_MIGRATE: Case = Case {
    tool: Tool::GolangMigrate,
    files: ["000001_users.up.sql", "000002_posts.up.sql", "000003_tags.up.sql"],
    // database/postgres/postgres.go of golang-migrate: ensureVersionTable and SetVersion.
    history: "CREATE TABLE IF NOT EXISTS \"schema_migrations\" (version bigint not null primary key, dirty boolean not null);
        TRUNCATE \"schema_migrations\"; INSERT INTO \"schema_migrations\" (version, dirty) VALUES (2, false)",
};

const DBMATE: Case = Case {
    tool: Tool::Dbmate,
    files: ["20260105100000_users.sql", "20260106110000_posts.sql", "20260107000000_tags.sql"],
    // pkg/driver/postgres/postgres.go of dbmate: CreateMigrationsTable and InsertMigration.
    history: "create table schema_migrations (version varchar not null primary key);
        insert into schema_migrations (version) values ('20260105100000'), ('20260106110000')",
};

const RAILS: Case = Case {
    tool: Tool::Rails,
    files: ["20260105100000_users.sql", "20260106110000_posts.sql", "20260107000000_tags.sql"],
    // activerecord/lib/active_record/{schema_migration,internal_metadata}.rb of Rails.
    history: "CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
        CREATE TABLE ar_internal_metadata (key character varying NOT NULL PRIMARY KEY, value character varying,
            created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
        INSERT INTO ar_internal_metadata VALUES ('environment', 'production', now(), now());
        INSERT INTO schema_migrations VALUES ('20260106110000'), ('20260105100000')",
};

const GOOSE: Case = Case {
    tool: Tool::Goose,
    files: ["00001_users.sql", "00002_posts.sql", "00003_tags.sql"],
    // internal/dialect/dialectquery/postgres.go of goose; an older release of it has reverted and applied again.
    history: "CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
            version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now());
        SET timezone = 'UTC';
        INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (0, true, '2026-01-01'),
            (1, true, '2026-01-05 10:00:00'), (2, true, '2026-01-05 10:00:00'), (2, false, '2026-01-05 11:00:00'),
            (2, true, '2026-01-06 11:00:00'), (3, true, '2026-01-07'), (3, false, '2026-01-08')",
};

const FLYWAY: Case = Case {
    tool: Tool::Flyway,
    files: ["1_users.sql", "2_posts.sql", "3_tags.sql"],
    // flyway-database-postgresql PostgreSQLDatabase.getRawCreateScript and JdbcTableSchemaHistory of Flyway.
    history: "CREATE TABLE \"flyway_schema_history\" (\"installed_rank\" INT NOT NULL, \"version\" VARCHAR(50),
            \"description\" VARCHAR(200) NOT NULL, \"type\" VARCHAR(20) NOT NULL, \"script\" VARCHAR(1000) NOT NULL,
            \"checksum\" INTEGER, \"installed_by\" VARCHAR(100) NOT NULL, \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(),
            \"execution_time\" INTEGER NOT NULL, \"success\" BOOLEAN NOT NULL);
        ALTER TABLE \"flyway_schema_history\" ADD CONSTRAINT \"flyway_schema_history_pk\" PRIMARY KEY (\"installed_rank\");
        CREATE INDEX \"flyway_schema_history_s_idx\" ON \"flyway_schema_history\" (\"success\");
        SET timezone = 'UTC';
        INSERT INTO flyway_schema_history VALUES
            (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '\"app\"', NULL, 'me', '2026-01-01', 0, true),
            (1, '1', 'users', 'SQL', 'V1__users.sql', $users, 'me', '2026-01-05 10:00:00', 1500, true),
            (2, '2', 'posts', 'SQL', 'V2__posts.sql', $posts, 'me', '2026-01-06 11:00:00', 5, true)",
};

const CASES: [Case; 9] = [PRISMA, SQLX, REFINERY, DIESEL, GOLANG_MIGRATE, DBMATE, RAILS, GOOSE, FLYWAY];

impl Case {
    fn folder(&self, texts: [&str; 3]) -> Folder {
        let [a, b, c] = self.files;
        folder_of(&[(a, texts[0]), (b, texts[1]), (c, texts[2])])
    }

    fn migrator_of(&self, texts: [&str; 3]) -> Migrator {
        Migrator::new(Set::from_folder(self.folder(texts).path()).unwrap()).program("app 2.0").adopt()
    }

    fn migrator(&self) -> Migrator {
        self.migrator_of([USERS, POSTS, TAGS])
    }

    /// The history's SQL, with the checksums of refinery and Flyway, which PostgreSQL can't compute.
    fn history(&self) -> String {
        use migrate_core::foreign::{flyway, refinery};
        let checksum = |name: &str, version: i32, text: &str| match self.tool {
            Tool::Refinery => refinery::checksum(name, version, text).to_string(),
            _ => flyway::checksum(text).to_string(),
        };
        self.history
            .replace("$users", &checksum("users", 1, USERS))
            .replace("$posts", &checksum("posts", 2, POSTS))
    }

    /// A database in which the tool has applied the first two.
    async fn database(&self) -> Database {
        let database = testing::server().unwrap().database().await.unwrap();
        let client = database.connect().await.unwrap();
        client.batch_execute(&format!("{USERS}{POSTS}")).await.unwrap();
        client.batch_execute(&self.history()).await.unwrap();
        database
    }

    /// All of the tool's table, as one text.
    async fn rows(&self, client: &Client) -> String {
        let sql = format!(
            "SELECT coalesce(string_agg(t::text, ';' ORDER BY t::text), '') FROM {} t",
            self.tool.table()
        );
        client.query_one(&sql, &[]).await.unwrap().get(0)
    }
}

async fn exists(client: &Client, table: &str) -> bool {
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_each_tool_has_applied_is_adopted_and_the_rest_is_applied() {
    for case in CASES {
        let tool = case.tool;
        let (database, migrator) = (case.database().await, case.migrator());
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
        if !matches!(tool, Tool::GolangMigrate | Tool::Dbmate | Tool::Rails) {
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
        let found = case.migrator().found(database.url()).await.unwrap();
        let [history] = &found[..] else { panic!("{found:?}") };
        assert_eq!((history.tool, &*history.table), (case.tool, &*format!("public.{}", case.tool.table())));
        let applied = if case.tool == Tool::GolangMigrate { 1 } else { 2 };
        assert_eq!(history.applied().count(), applied, "{history:?}");
    }
}

#[tokio::test]
async fn a_file_that_was_edited_since_is_found_by_the_tools_own_checksum() {
    for case in [PRISMA, SQLX, REFINERY, FLYWAY] {
        let database = case.database().await;
        let migrator = case.migrator_of([USERS, "CREATE TABLE posts (id int);\n", TAGS]);
        let error = migrator.run(database.url()).await.unwrap_err();
        let Error::Refused(Refused::NotAdopted(not)) = &error else { panic!("{error}") };
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
        let report = case.migrator_of([&users, &posts, TAGS]).run(database.url()).await.unwrap();
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
        let (database, migrator) = (case.database().await, case.migrator());
        let client = database.connect().await.unwrap();
        client.batch_execute(damage).await.unwrap();
        let error = migrator.run(database.url()).await.unwrap_err();
        assert!(error.to_string().contains(way_out), "{error}");
        assert!(!exists(&client, "migrate_history").await);
        let found = migrator.found(database.url()).await.unwrap();
        assert!(found[0].found.iter().any(|found| matches!(found.state, FoundState::Failed { .. })));
    }
}

#[tokio::test]
async fn sixteen_replicas_adopt_once() {
    let (database, migrator) = (SQLX.database().await, SQLX.migrator());
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
async fn a_boot_after_the_adoption_is_one_round_trip_and_does_not_look_at_the_old_table() {
    let (database, migrator) = (SQLX.database().await, SQLX.migrator());
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let proxy = Proxy::start(&database.config()).await;
    assert!(migrator.run(&proxy.config()).await.unwrap().is_noop());
    assert_eq!(proxy.connection().round_trips, 1);
}

#[tokio::test]
async fn all_is_adopted_or_nothing() {
    let (database, migrator) = (SQLX.database().await, SQLX.migrator());
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
    migrator.down(database.url(), Down::all()).await.unwrap();
    let report = migrator.run(database.url()).await.unwrap();
    assert!(report.steps.iter().all(|step| step.action == Action::Apply), "{report}");
}

#[tokio::test]
async fn an_attempt_that_failed_before_does_not_keep_from_adopting() {
    let (database, migrator) = (SQLX.database().await, SQLX.migrator());
    let set = migrator.set().clone();
    let without = Migrator::new(set).run(database.url()).await.unwrap_err();
    assert_eq!(without.sqlstate(), Some("42P07"));
    assert_eq!(migrator.run(database.url()).await.unwrap().applied, 3);
}

#[tokio::test]
async fn with_several_histories_the_one_that_counts_has_to_be_named() {
    let (database, migrator) = (SQLX.database().await, SQLX.migrator());
    let client = database.connect().await.unwrap();
    client.batch_execute(DBMATE.history).await.unwrap();
    let error = migrator.run(database.url()).await.unwrap_err();
    let expected = "several histories could be adopted: public._sqlx_migrations (sqlx), public.schema_migrations (dbmate); \
                    nothing was changed\nnext: name the one that counts with `adopt_from`, as in adopt_from(tools::sqlx())";
    assert_eq!(error.to_string(), expected);
    let named = migrator.clone().adopt_from(tools::sqlx());
    assert_eq!(named.run(database.url()).await.unwrap().steps.len(), 3);
}

#[tokio::test]
async fn a_history_may_be_in_another_schema_and_under_another_name() {
    let (database, migrator) = (SQLX.database().await, SQLX.migrator());
    let client = database.connect().await.unwrap();
    let moving = "CREATE SCHEMA \"Old one\"; ALTER TABLE _sqlx_migrations SET SCHEMA \"Old one\"";
    client.batch_execute(moving).await.unwrap();
    // Where the search path leads to none, the only one there is.
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
    let migrator = SQLX.migrator();
    assert!(migrator.plan(database.url()).await.unwrap().notices.is_empty(), "by itself it is nobody's");
    let error = migrator.adopt_from(tools::sqlx()).run(database.url()).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTable { tool: Tool::Sqlx, .. }), "{error}");
}

#[tokio::test]
async fn an_empty_database_is_migrated_as_ever() {
    for case in [SQLX, PRISMA] {
        let database = testing::server().unwrap().database().await.unwrap();
        let report = case.migrator().run(database.url()).await.unwrap();
        assert!(report.steps.iter().all(|step| step.action == Action::Apply));
        assert_eq!(report.applied, 3);
    }
}
