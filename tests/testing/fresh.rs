//! Databases copied from a template, on a process's own server.

use migrate_postgres::migration::{Script, SqlMigration};
use migrate_postgres::testing::{Server, TestingError};
use migrate_postgres::{Migrator, Set, Version, migrate};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

static SET: Migrator = migrate!("fixtures/flat");

fn set_of(sql: &str) -> Migrator {
    let script = Script::of_text("0001_one.sql", sql.to_owned()).unwrap();
    let migration = SqlMigration::new(Version::numeric("1"), "0001_one", script);
    Migrator::new(Set::new("default", vec![Arc::new(migration)]).unwrap())
}

async fn spares_are_made(server: &Server) {
    while databases(server, "migrate_spare_%").await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn connect(server: &Server) -> Client {
    let (client, connection) = server.config("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn databases(server: &Server, like: &str) -> HashSet<String> {
    let sql = "SELECT datname::text FROM pg_database WHERE datname LIKE $1";
    connect(server).await.query(sql, &[&like]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The time of each migration and the session that applied it.
async fn applied(client: &Client) -> Vec<(String, String)> {
    let sql = "SELECT name, finished_at::text || ' ' || run_id::text FROM migrate_history ORDER BY seq";
    client.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn the_set_is_applied_once_for_all_databases() {
    let server = Server::start().unwrap();
    let (one, two) = (server.fresh_database(&SET).await.unwrap(), server.fresh_database(&SET).await.unwrap());
    let first = applied(&one.connect().await.unwrap()).await;
    assert_eq!(first.len(), SET.set().len());
    assert_eq!(first, applied(&two.connect().await.unwrap()).await);
    assert_eq!(databases(&server, "migrate_template_%").await.len(), 1);
    assert!(SET.run(one.url()).await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn each_database_is_its_own() {
    let server = Server::start().unwrap();
    let (one, two) = (server.fresh_database(&SET).await.unwrap(), server.fresh_database(&SET).await.unwrap());
    assert_ne!(one.name(), two.name());
    one.connect().await.unwrap().batch_execute("CREATE TABLE mine ()").await.unwrap();
    two.connect().await.unwrap().batch_execute("CREATE TABLE mine ()").await.unwrap();
}

#[tokio::test]
async fn a_closed_or_dropped_database_is_gone_with_its_connections() {
    let server = Server::start().unwrap();
    let one = server.fresh_database(&SET).await.unwrap();
    let two = server.fresh_database(&SET).await.unwrap();
    let (in_one, in_two) = (one.connect().await.unwrap(), two.connect().await.unwrap());
    one.close().await.unwrap();
    drop(two);
    assert!(in_one.simple_query("SELECT").await.is_err() && in_two.simple_query("SELECT").await.is_err());
    assert_eq!(databases(&server, "migrate_clone_%").await, HashSet::new());
}

#[tokio::test]
async fn databases_asked_for_at_once_come_of_one_template() {
    let server: &'static Server = Box::leak(Box::new(Server::start().unwrap()));
    let tasks: Vec<_> = (0..6).map(|_| tokio::spawn(async { server.fresh_database(&SET).await })).collect();
    let mut names = HashSet::new();
    for task in tasks {
        let database = task.await.unwrap().unwrap();
        assert!(names.insert(database.name().to_owned()));
        database.close().await.unwrap();
    }
    assert_eq!(databases(server, "migrate_template_%").await.len(), 1);
    server.stop(migrate_postgres::testing::ShutdownMode::Immediate).unwrap();
}

#[tokio::test]
async fn spares_are_made_ahead_and_the_next_database_is_one_of_them() {
    let server = Server::builder().setting("log_statement", "ddl").start().unwrap();
    let first = server.fresh_database(&SET).await.unwrap();
    spares_are_made(&server).await;
    let second = server.fresh_database(&SET).await.unwrap();
    let log = server.log().unwrap();
    let renamed = |name: &str| log.contains(&format!("RENAME TO \"{name}\""));
    let created = |name: &str| log.contains(&format!("CREATE DATABASE \"{name}\""));
    assert!(created(first.name()) && !renamed(first.name()));
    assert!(renamed(second.name()) && !created(second.name()), "{log}");
}

#[tokio::test]
async fn another_set_has_another_template() {
    let server = Server::start().unwrap();
    let all = server.fresh_database(&SET).await.unwrap();
    let first = SET.set().get(0).unwrap().version().as_written().to_owned();
    let some = server.fresh_database(&SET.clone().up_to(first)).await.unwrap();
    assert_eq!(applied(&some.connect().await.unwrap()).await.len(), 1);
    assert_eq!(applied(&all.connect().await.unwrap()).await.len(), SET.set().len());
    assert_eq!(databases(&server, "migrate_template_%").await.len(), 2);
}

#[tokio::test]
async fn nobody_can_connect_to_a_template() {
    let server = Server::start().unwrap();
    let _database = server.fresh_database(&SET).await.unwrap();
    let template = databases(&server, "migrate_template_%").await.into_iter().next().unwrap();
    let error = server.config(&template).connect(NoTls).await.err().unwrap();
    assert!(error.as_db_error().unwrap().message().contains("not currently accepting connections"));
}

#[tokio::test]
async fn a_set_that_fails_leaves_no_template_and_says_why() {
    let server = Server::start().unwrap();
    let error = server.fresh_database(&set_of("SELECT no_such_column")).await.unwrap_err();
    assert!(matches!(error, TestingError::Migrate { .. }), "{error}");
    assert_eq!(databases(&server, "migrate_%").await, HashSet::new());
}

#[tokio::test]
async fn a_user_who_may_not_create_databases_is_told_how_to() {
    let server = Server::start().unwrap();
    connect(&server).await.batch_execute("CREATE ROLE \"no db\" LOGIN").await.unwrap();
    let url = server.url("postgres").replace("postgres@", "no%20db@");
    let error = Server::at(&url).unwrap().fresh_database(&SET).await.unwrap_err();
    assert!(error.to_string().contains("run `ALTER ROLE \"no db\" CREATEDB`"), "{error}");
}

#[tokio::test]
async fn a_template_that_was_not_used_for_long_is_dropped_with_its_spares_by_the_next_process() {
    let server = Server::start().unwrap();
    // Each value stands for a process.
    let one = Server::at(&server.url("postgres")).unwrap();
    drop(one.fresh_database(&SET).await.unwrap());
    drop(one);
    let template = databases(&server, "migrate_template_%").await.into_iter().next().unwrap();
    let client = connect(&server).await;
    let locks = "SELECT FROM pg_locks WHERE locktype = 'advisory'";
    while !client.query(locks, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.batch_execute(&format!("COMMENT ON DATABASE {template} IS 'used 0'")).await.unwrap();

    let other = Server::at(&server.url("postgres")).unwrap();
    let set = Migrator::new(SET.set().clone().named("other"));
    let _database = other.fresh_database(&set).await.unwrap();
    let spares = template.replace("template", "spare") + "%";
    while databases(&server, "migrate_template_%").await.contains(&template)
        || !databases(&server, &spares).await.is_empty()
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(databases(&server, "migrate_template_%").await.len(), 1);
}

#[tokio::test]
async fn what_a_set_sets_for_its_database_is_set_in_every_copy() {
    let server = Server::start().unwrap();
    let set = set_of(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database()); \
         EXECUTE format('ALTER DATABASE %I SET app.motto = %L', current_database(), 'it''s = so'); END $$",
    );
    let copied = server.fresh_database(&set).await.unwrap();
    spares_are_made(&server).await;
    let spare = server.fresh_database(&set).await.unwrap();
    for database in [copied, spare] {
        let client = database.connect().await.unwrap();
        let sql = "SELECT current_setting('search_path'), current_setting('app.motto')";
        let row = client.query_one(sql, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), ("app, public", "it's = so"));
    }
}

#[tokio::test]
async fn a_script_with_transactions_of_its_own_is_in_every_copy() {
    let server = Server::start().unwrap();
    let set = set_of(
        "CREATE TYPE e AS ENUM ('a'); COMMIT; ALTER TYPE e ADD VALUE 'b'; COMMIT; CREATE TABLE t (e e DEFAULT 'b');
         COMMIT; BEGIN READ ONLY; SELECT * FROM t; COMMIT; BEGIN; DROP TABLE t; ROLLBACK; INSERT INTO t DEFAULT VALUES;",
    );
    for _ in 0..2 {
        let database = server.fresh_database(&set).await.unwrap();
        let row = database.connect().await.unwrap().query_one("SELECT e::text FROM t", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "b");
        assert!(set.run(database.url()).await.unwrap().steps.is_empty());
    }
}
