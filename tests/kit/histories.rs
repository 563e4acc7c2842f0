//! Other tools' directories and histories: SQL that creates their tables with the rows that the tools
//! themselves would write.

use crate::sets::{Folder, folder_of};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::tools::Tool;
use migrate_postgres::{Migrator, Set};
use std::time::Duration;
use tokio_postgres::Client;

/// The first migration.
pub const USERS: &str = "CREATE TABLE users (id bigint);\n";
/// The second migration.
pub const POSTS: &str = "CREATE TABLE posts (id bigint);\n";
/// The third migration, which the tool has not applied.
pub const TAGS: &str = "CREATE TABLE tags (id bigint);\n";

/// A tool's directory, and SQL that creates its history with the first two migrations applied, exactly as the
/// tool does.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The tool.
    pub tool: Tool,
    /// The files of the three migrations.
    pub files: [&'static str; 3],
    /// SQL that creates its history.
    pub history: &'static str,
}

/// The time of the first migration in all histories below that record times.
pub const FIRST: Duration = Duration::from_secs(1_767_607_200);

/// Prisma.
pub const PRISMA: Case = Case {
    tool: Tool::Prisma,
    files: ["20260105100000_users/migration.sql", "20260106_posts/migration.sql", "20260107_tags/migration.sql"],
    // schema-engine/connectors/sql-schema-connector/src/flavour/postgres.rs and sql_migration_persistence.rs
    // of prisma-engines; the second migration was tried twice.
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

/// sqlx.
pub const SQLX: Case = Case {
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

/// refinery.
pub const REFINERY: Case = Case {
    tool: Tool::Refinery,
    files: ["V1__users.sql", "V2__posts.sql", "V3__tags.sql"],
    // refinery_core/src/traits/mod.rs of refinery 0.10; the checksums are its own for these names and texts.
    history: "CREATE TABLE IF NOT EXISTS refinery_schema_history(
            version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));
        INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES
            (1, 'users', '2026-01-05T10:00:00.000000Z', '$users'), (2, 'posts', '2026-01-06T11:00:00.123456789Z', '$posts')",
};

/// diesel.
pub const DIESEL: Case = Case {
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

/// golang-migrate.
pub const GOLANG_MIGRATE: Case = Case {
    tool: Tool::GolangMigrate,
    files: ["000001_users.up.sql", "000002_posts.up.sql", "000003_tags.up.sql"],
    // database/postgres/postgres.go of golang-migrate: ensureVersionTable and SetVersion.
    history: "CREATE TABLE IF NOT EXISTS \"schema_migrations\" (version bigint not null primary key, dirty boolean not null);
        TRUNCATE \"schema_migrations\"; INSERT INTO \"schema_migrations\" (version, dirty) VALUES (2, false)",
};

/// tern.
pub const TERN: Case = Case {
    tool: Tool::Tern,
    files: ["001_users.sql", "002_posts.sql", "003_tags.sql"],
    // migrate/migrate.go of tern: ensureSchemaVersionTableExists and MigrateTo.
    history: "create table if not exists public.schema_version(version int4 not null);
        insert into public.schema_version(version) select 0 where 0=(select count(*) from public.schema_version);
        update public.schema_version set version=2",
};

/// dbmate.
pub const DBMATE: Case = Case {
    tool: Tool::Dbmate,
    files: ["20260105100000_users.sql", "20260106110000_posts.sql", "20260107000000_tags.sql"],
    // pkg/driver/postgres/postgres.go of dbmate: CreateMigrationsTable and InsertMigration.
    history: "create table schema_migrations (version varchar not null primary key);
        insert into schema_migrations (version) values ('20260105100000'), ('20260106110000')",
};

/// Rails.
pub const RAILS: Case = Case {
    tool: Tool::Rails,
    files: ["20260105100000_users.sql", "20260106110000_posts.sql", "20260107000000_tags.sql"],
    // activerecord/lib/active_record/{schema_migration,internal_metadata}.rb of Rails.
    history: "CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
        CREATE TABLE ar_internal_metadata (key character varying NOT NULL PRIMARY KEY, value character varying,
            created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
        INSERT INTO ar_internal_metadata VALUES ('environment', 'production', now(), now());
        INSERT INTO schema_migrations VALUES ('20260106110000'), ('20260105100000')",
};

/// goose.
pub const GOOSE: Case = Case {
    tool: Tool::Goose,
    files: ["00001_users.sql", "00002_posts.sql", "00003_tags.sql"],
    // internal/dialect/dialectquery/postgres.go of goose; an older release of it has reverted and applied
    // again.
    history: "CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
            version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now());
        SET timezone = 'UTC';
        INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (0, true, '2026-01-01'),
            (1, true, '2026-01-05 10:00:00'), (2, true, '2026-01-05 10:00:00'), (2, false, '2026-01-05 11:00:00'),
            (2, true, '2026-01-06 11:00:00'), (3, true, '2026-01-07'), (3, false, '2026-01-08')",
};

/// Flyway.
pub const FLYWAY: Case = Case {
    tool: Tool::Flyway,
    files: ["V1__users.sql", "V2__posts.sql", "V3__tags.sql"],
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

/// All of them.
pub const CASES: [Case; 10] =
    [PRISMA, SQLX, REFINERY, DIESEL, GOLANG_MIGRATE, TERN, DBMATE, RAILS, GOOSE, FLYWAY];

impl Case {
    /// The directory with these texts.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn folder(&self, texts: [&str; 3]) -> Folder {
        let halves = |text: &str| match self.tool {
            Tool::Goose => format!("-- +goose Up\n{text}-- +goose Down\n"),
            Tool::Dbmate => format!("-- migrate:up\n{text}-- migrate:down\n"),
            _ => text.to_owned(),
        };
        let ([a, b, c], [x, y, z]) = (self.files, texts.map(halves));
        folder_of(&[(a, &x), (b, &y), (c, &z)])
    }

    /// A migrator of the directory with these texts.
    ///
    /// # Panics
    ///
    /// If they are not valid migrations.
    pub fn migrator_of(&self, texts: [&str; 3]) -> Migrator {
        Migrator::new(Set::from_folder(self.folder(texts).path()).expect("migrations")).program("app 2.0")
    }

    /// A migrator of the directory.
    pub fn migrator(&self) -> Migrator {
        self.migrator_of([USERS, POSTS, TAGS])
    }

    /// The history's SQL, with the checksums of refinery and Flyway, which PostgreSQL can't compute.
    fn history(&self) -> String {
        use migrate_core::history::foreign::{flyway, refinery};
        let checksum = |name: &str, version: i32, text: &str| match self.tool {
            Tool::Refinery => refinery::checksum(name, version, text).to_string(),
            _ => flyway::checksum(text).to_string(),
        };
        self.history
            .replace("$users", &checksum("users", 1, USERS))
            .replace("$posts", &checksum("posts", 2, POSTS))
    }

    /// A database in which the tool has applied the first two.
    ///
    /// # Panics
    ///
    /// If no server is available.
    pub async fn database(&self) -> Database {
        let database = testing::server()
            .expect("a server that answers")
            .database()
            .await
            .expect("a server that answers");
        let client = database.connect().await.expect("a server that answers");
        client.batch_execute(&format!("{USERS}{POSTS}")).await.expect("a server that answers");
        client.batch_execute(&self.history()).await.expect("a server that answers");
        database
    }

    /// The whole tool's table, as one text.
    ///
    /// # Panics
    ///
    /// If the table does not exist.
    pub async fn rows(&self, client: &Client) -> String {
        let sql = format!(
            "SELECT coalesce(string_agg(t::text, ';' ORDER BY t::text), '') FROM {} t",
            self.tool.table()
        );
        client.query_one(&sql, &[]).await.expect("a server that answers").get(0)
    }
}
