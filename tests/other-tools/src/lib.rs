//! sqlx, refinery and diesel themselves, run on directories and databases of this library's tests.
//!
//! A package outside the workspace, so that the tools never enter the library's lock file.

use diesel::Connection as _;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use migrate_postgres::testing::Database;
use migrate_postgres::tools::{self, ForeignTable};
use sqlx::ConnectOptions as _;
use std::path::{Path, PathBuf};
use tokio_postgres::config::Host;

/// A tool, with its file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `Migrator::run`.
    Sqlx,
    /// `Runner::run_async`.
    Refinery,
    /// `run_pending_migrations`.
    Diesel,
}

/// The result of a tool: the number of migrations that it applied.
pub type Done = Result<usize, String>;

const TEXTS: [&str; 4] = [
    "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);\n",
    "-- Schlüssel: ä, 'quoted'\nCREATE TABLE posts (id bigint);\nCREATE INDEX posts_id ON posts (id);\n",
    "ALTER TABLE users ADD COLUMN born date;",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;\n",
];

/// A test's folder, removed on drop.
pub struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Folder {
    /// An empty folder.
    pub fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("migrate-other-tools-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Tool {
    /// All tools.
    pub const ALL: [Tool; 3] = [Tool::Sqlx, Tool::Refinery, Tool::Diesel];

    /// Its table, for use as the history.
    pub fn kept(self) -> ForeignTable {
        match self {
            Tool::Sqlx => tools::sqlx(),
            Tool::Refinery => tools::refinery(),
            Tool::Diesel => tools::diesel(),
        }
    }

    /// The file of a migration, numbered from 1.
    pub fn file(self, number: usize) -> String {
        let name = ["create_users", "create__posts", "users_born", "f"][number - 1];
        match self {
            Tool::Sqlx => format!("2026010{number}120000_{name}.up.sql"),
            Tool::Refinery => format!("V{number}__{name}.sql"),
            Tool::Diesel => format!("2026-01-0{number}-120000_{name}/up.sql"),
        }
    }

    /// Writes the first `count` migrations, each with a down script if the tool supports it.
    pub fn write(self, folder: &Path, count: usize) {
        for (number, text) in (1..=count).zip(TEXTS) {
            let path = folder.join(self.file(number));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let down =
                ["DROP TABLE users", "DROP TABLE posts", "ALTER TABLE users DROP born", "DROP FUNCTION f"]
                    [number - 1];
            let name = path.to_str().unwrap();
            match self {
                Tool::Sqlx => std::fs::write(name.replace(".up.", ".down."), down).unwrap(),
                Tool::Diesel => std::fs::write(name.replace("up.sql", "down.sql"), down).unwrap(),
                Tool::Refinery => {}
            }
        }
    }

    /// Runs the tool itself.
    pub async fn run(self, folder: &Path, database: &Database) -> Done {
        let before = self.applied(database).await;
        match self {
            Tool::Sqlx => run_sqlx(folder, database).await?,
            Tool::Refinery => run_refinery(folder, database).await?,
            Tool::Diesel => run_diesel(folder, database)?,
        }
        Ok(self.applied(database).await - before)
    }

    /// Reverts the last migration with the tool itself; with sqlx, everything after the second.
    pub async fn revert_last(self, folder: &Path, database: &Database) {
        match self {
            Tool::Sqlx => {
                let migrator = sqlx::migrate::Migrator::new(folder).await.unwrap();
                migrator.undo(&mut sqlx_connection(database).await, 20_260_102_120_000).await.unwrap();
            }
            Tool::Refinery => panic!("refinery has no reverts"),
            Tool::Diesel => {
                let source = FileBasedMigrations::from_path(folder).unwrap();
                diesel_connection(database).revert_last_migration(source).unwrap();
            }
        }
    }

    /// The number of rows in the tool's table.
    pub async fn applied(self, database: &Database) -> usize {
        let table = match self {
            Tool::Sqlx => "_sqlx_migrations",
            Tool::Refinery => "refinery_schema_history",
            Tool::Diesel => "__diesel_schema_migrations",
        };
        let client = database.connect().await.unwrap();
        match client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await {
            Ok(row) => usize::try_from(row.get::<_, i64>(0)).unwrap(),
            Err(_) => 0,
        }
    }
}

fn host(database: &Database) -> (String, u16) {
    let config = database.config();
    let host = match &config.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.to_str().unwrap().to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

async fn sqlx_connection(database: &Database) -> sqlx::PgConnection {
    let (host, port) = host(database);
    let config = database.config();
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .host(&host)
        .port(port)
        .username(config.get_user().unwrap())
        .database(config.get_dbname().unwrap())
        .ssl_mode(sqlx::postgres::PgSslMode::Disable);
    options.connect().await.unwrap()
}

async fn run_sqlx(folder: &Path, database: &Database) -> Result<(), String> {
    let migrator = sqlx::migrate::Migrator::new(folder).await.unwrap();
    let mut connection = sqlx_connection(database).await;
    migrator.run_direct(None, &mut connection, false).await.map_err(|error| error.to_string())
}

async fn run_refinery(folder: &Path, database: &Database) -> Result<(), String> {
    let migrations = refinery::load_sql_migrations(folder).unwrap();
    let mut client = database.connect().await.unwrap();
    let report = refinery::Runner::new(&migrations).run_async(&mut client).await;
    report.map(drop).map_err(|error| error.to_string())
}

fn diesel_connection(database: &Database) -> diesel::PgConnection {
    let ((host, port), config) = (host(database), database.config());
    let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
    let keywords = format!("host='{host}' port={port} user='{user}' dbname='{name}'");
    diesel::PgConnection::establish(&keywords).unwrap()
}

fn run_diesel(folder: &Path, database: &Database) -> Result<(), String> {
    let source = FileBasedMigrations::from_path(folder).unwrap();
    let run = || diesel_connection(database).run_pending_migrations(source).map(drop);
    tokio::task::block_in_place(run).map_err(|error| error.to_string())
}
