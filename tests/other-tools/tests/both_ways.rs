//! The tools themselves: one migrates half, this library goes on, and the tool says that nothing is to do; and the other way round.
//! Whether its table is kept or adopted, the tool's rows are its own.

use diesel::Connection as _;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::tools::{self, KeptTable};
use migrate_postgres::{Action, Migrator, Set};
use sqlx::ConnectOptions as _;
use std::path::{Path, PathBuf};
use tokio_postgres::config::Host;

/// A tool, with the names that it gives files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Sqlx,
    Refinery,
    Diesel,
}

/// What a tool did: how many migrations it applied.
type Done = Result<usize, String>;

const TEXTS: [&str; 4] = [
    "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);\n",
    "-- Schlüssel: ä, 'quoted'\nCREATE TABLE posts (id bigint);\nCREATE INDEX posts_id ON posts (id);\n",
    "ALTER TABLE users ADD COLUMN born date;",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;\n",
];

/// The folder of a test, removed with the value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("migrate-other-tools-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Tool {
    const ALL: [Tool; 3] = [Tool::Sqlx, Tool::Refinery, Tool::Diesel];

    fn kept(self) -> KeptTable {
        match self {
            Tool::Sqlx => tools::sqlx(),
            Tool::Refinery => tools::refinery(),
            Tool::Diesel => tools::diesel(),
        }
    }

    fn file(self, number: usize) -> String {
        let name = ["create_users", "create__posts", "users_born", "f"][number - 1];
        match self {
            Tool::Sqlx => format!("2026010{number}120000_{name}.up.sql"),
            Tool::Refinery => format!("V{number}__{name}.sql"),
            Tool::Diesel => format!("2026-01-0{number}-120000_{name}/up.sql"),
        }
    }

    /// Writes the first `count` migrations, each with its down script where the tool has such a thing.
    fn write(self, folder: &Path, count: usize) {
        for (number, text) in (1..=count).zip(TEXTS) {
            let path = folder.join(self.file(number));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let down = ["DROP TABLE users", "DROP TABLE posts", "ALTER TABLE users DROP born", "DROP FUNCTION f"][number - 1];
            let name = path.to_str().unwrap();
            match self {
                Tool::Sqlx => std::fs::write(name.replace(".up.", ".down."), down).unwrap(),
                Tool::Diesel => std::fs::write(name.replace("up.sql", "down.sql"), down).unwrap(),
                Tool::Refinery => {}
            }
        }
    }

    /// Runs the tool itself.
    async fn run(self, folder: &Path, database: &Database) -> Done {
        let before = self.applied(database).await;
        match self {
            Tool::Sqlx => run_sqlx(folder, database).await?,
            Tool::Refinery => run_refinery(folder, database).await?,
            Tool::Diesel => run_diesel(folder, database)?,
        }
        Ok(self.applied(database).await - before)
    }

    /// How many rows the tool's table has.
    async fn applied(self, database: &Database) -> usize {
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

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn ours(folder: &Path) -> Migrator {
    Migrator::new(Set::from_folder(folder).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_the_tool_goes_on_where_this_library_stopped_and_the_other_way_round() {
    for tool in Tool::ALL {
        let (database, folder) = (database().await, Folder::new(&format!("kept-{tool:?}")));
        let mut by_turns = Vec::new();
        for count in 1..=4 {
            tool.write(&folder.0, count);
            if count % 2 == 1 {
                by_turns.push(tool.run(&folder.0, &database).await.unwrap());
            } else {
                let migrator = ours(&folder.0).history(tool.kept());
                by_turns.push(migrator.run(database.url()).await.unwrap().steps.len());
            }
        }
        assert_eq!(by_turns, [1, 1, 1, 1], "{tool:?}");
        assert_eq!(tool.run(&folder.0, &database).await, Ok(0), "{tool:?}");
        assert!(ours(&folder.0).history(tool.kept()).run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_from_the_beginning_the_tool_has_nothing_to_do() {
    for tool in Tool::ALL {
        let (database, folder) = (database().await, Folder::new(&format!("first-{tool:?}")));
        tool.write(&folder.0, 4);
        let migrator = ours(&folder.0).history(tool.kept());
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 4);
        assert_eq!(tool.run(&folder.0, &database).await, Ok(0), "{tool:?}");
        assert_eq!(tool.applied(&database).await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_the_rest_is_applied_and_the_tools_table_stays_as_it_is() {
    for tool in Tool::ALL {
        let (database, folder) = (database().await, Folder::new(&format!("adopted-{tool:?}")));
        tool.write(&folder.0, 2);
        assert_eq!(tool.run(&folder.0, &database).await, Ok(2));
        tool.write(&folder.0, 4);
        let migrator = ours(&folder.0).adopt();
        let planned = migrator.plan(database.url()).await.unwrap();
        assert_eq!(planned.steps.len(), 4, "{tool:?}: {planned:?}");
        let report = migrator.run(database.url()).await.unwrap();
        let actions: Vec<Action> = report.steps.iter().map(|step| step.action).collect();
        assert_eq!(actions, [Action::Mark, Action::Mark, Action::Apply, Action::Apply], "{tool:?}");
        assert_eq!(tool.applied(&database).await, 2);
        let attempts = migrator.attempts(database.url()).await.unwrap();
        let now = std::time::SystemTime::now();
        for attempt in &attempts {
            let age = now.duration_since(attempt.started_at).unwrap_or_default();
            assert!(age.as_secs() < 600, "{tool:?}: {attempt:?}");
        }
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_edited_after_the_tool_applied_it_is_found_both_ways() {
    for tool in [Tool::Sqlx, Tool::Refinery] {
        let (database, folder) = (database().await, Folder::new(&format!("edited-{tool:?}")));
        tool.write(&folder.0, 2);
        assert_eq!(tool.run(&folder.0, &database).await, Ok(2));
        std::fs::write(folder.0.join(tool.file(2)), "CREATE TABLE posts (id int);\n").unwrap();
        let adopted = ours(&folder.0).adopt().run(database.url()).await.unwrap_err().to_string();
        assert!(adopted.contains("was edited after"), "{adopted}");
        let kept = ours(&folder.0).history(tool.kept()).run(database.url()).await.unwrap_err().to_string();
        assert!(kept.contains("was edited after"), "{kept}");
        // What this library has written is found by the tool.
        let other = database_with(tool, &folder).await;
        std::fs::write(folder.0.join(tool.file(2)), "CREATE TABLE posts (id text);\n").unwrap();
        let error = tool.run(&folder.0, &other).await.unwrap_err();
        assert!(error.contains("modified") || error.contains("different"), "{tool:?}: {error}");
    }
}

/// A database in which this library has applied a folder with the tool's history.
async fn database_with(tool: Tool, folder: &Folder) -> Database {
    let database = database().await;
    ours(&folder.0).history(tool.kept()).run(database.url()).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_has_reverted_the_other_applies_again() {
    for tool in [Tool::Sqlx, Tool::Diesel] {
        let (database, folder) = (database().await, Folder::new(&format!("reverted-{tool:?}")));
        tool.write(&folder.0, 3);
        let migrator = ours(&folder.0).history(tool.kept());
        migrator.run(database.url()).await.unwrap();
        migrator.down(database.url(), 1).await.unwrap();
        assert_eq!(tool.run(&folder.0, &database).await, Ok(1), "{tool:?}");
        match tool {
            Tool::Sqlx => {
                let undo = sqlx::migrate::Migrator::new(&*folder.0).await.unwrap();
                undo.undo(&mut sqlx_connection(&database).await, 20_260_102_120_000).await.unwrap();
            }
            _ => {
                let source = FileBasedMigrations::from_path(&folder.0).unwrap();
                diesel_connection(&database).revert_last_migration(source).unwrap();
            }
        }
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1, "{tool:?}");
        assert_eq!(tool.run(&folder.0, &database).await, Ok(0), "{tool:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlx_and_this_library_at_once_apply_each_migration_once() {
    let (database, folder) = (database().await, Folder::new("at-once"));
    Tool::Sqlx.write(&folder.0, 4);
    let replicas: Vec<_> = (0..6)
        .map(|number| {
            let (folder, url) = (folder.0.clone(), database.url().to_owned());
            let config = database.config();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    let report = ours(&folder).history(tools::sqlx()).run(&url).await;
                    return report.map(drop).map_err(|error| error.to_string());
                }
                let (host, port) = match &config.get_hosts()[0] {
                    Host::Unix(path) => (path.to_str().unwrap().to_owned(), config.get_ports()[0]),
                    Host::Tcp(name) => (name.clone(), config.get_ports()[0]),
                };
                let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
                    .host(&host)
                    .port(port)
                    .username(config.get_user().unwrap())
                    .database(config.get_dbname().unwrap())
                    .ssl_mode(sqlx::postgres::PgSslMode::Disable);
                let mut connection = options.connect().await.map_err(|error| error.to_string())?;
                let migrator = sqlx::migrate::Migrator::new(&*folder).await.unwrap();
                migrator.run_direct(None, &mut connection, false).await.map_err(|error| error.to_string())
            })
        })
        .collect();
    for replica in replicas {
        replica.await.unwrap().unwrap();
    }
    assert_eq!(Tool::Sqlx.applied(&database).await, 4);
}
