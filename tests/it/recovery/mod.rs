//! Recovery: statements that refuse a transaction block, interrupted at each point and resumed.

mod indexes;
mod objects;
mod own;
mod running;
mod statements;

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Failure, Left, Migrator, Report, Set};
use migrate_tests::sets::folder_of;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// A migrator of a migration that runs statement by statement, after one that creates tables.
fn after(tables: &str, script: &str) -> Migrator {
    migrator(&[("1_tables.sql", tables), ("2_it.sql", &format!("-- migrate: transaction=none\n{script}"))])
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until a query returns more than zero.
async fn until(client: &Client, sql: &str) {
    for _ in 0..1000 {
        if count(client, sql).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {sql}");
}

/// Indexes in the tests' schemas, with `!` before invalid ones.
async fn indexes(client: &Client) -> String {
    let sql = "SELECT coalesce(string_agg(CASE WHEN i.indisvalid THEN '' ELSE '!' END || c.relname, ' ' ORDER BY c.relname), '') \
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
               WHERE t.relnamespace::regnamespace::text IN ('public', 'app', 'other') AND t.relname !~ '^migrate_history'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// An open transaction with at least a snapshot: `CREATE INDEX CONCURRENTLY` waits for it.
async fn open_transaction(database: &Database, sql: &str) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; {sql}")).await.unwrap();
    client
}

fn run(migrator: &Migrator, database: &Database) -> JoinHandle<Result<Report, Error>> {
    let (migrator, config) = (migrator.clone(), database.config());
    tokio::spawn(async move { migrator.run(&config).await })
}

const RUNNING: &str = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                       AND state = 'active' AND wait_event_type = 'Lock' AND query LIKE";

/// Waits until the server runs a statement that is blocked, ends its process, and with it the run.
async fn kill_waiting(admin: &Client, statement: &str, run: JoinHandle<Result<Report, Error>>) {
    until(admin, &format!("SELECT count(*) {RUNNING} '{statement}%'")).await;
    count(admin, &format!("SELECT count(pg_terminate_backend(pid)) {RUNNING} '{statement}%'")).await;
    run.await.unwrap().unwrap_err();
    until(
        admin,
        &format!("SELECT count(*) FROM (SELECT count(*) AS n {RUNNING} '{statement}%') r WHERE n = 0"),
    )
    .await;
}

/// The row of the migration that runs statement by statement.
async fn row(client: &Client) -> (String, i32) {
    let sql = "SELECT outcome, checkpoint FROM migrate_history WHERE checkpoint IS NOT NULL";
    let row = client.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Everything is applied and recorded once, and the next boot finds that out without the lock.
async fn surely_done(migrator: &Migrator, database: &Database) {
    let admin = database.connect().await.unwrap();
    let unsettled =
        "SELECT count(*) FROM migrate_history WHERE live AND outcome <> 'done' OR outcome = 'unfinished'";
    assert_eq!(count(&admin, unsettled).await, 0);
    let live = count(&admin, "SELECT count(*) FROM migrate_history WHERE live").await;
    assert_eq!(usize::try_from(live).unwrap(), migrator.set().len());
    let position = migrator.position(database.url()).await.unwrap();
    assert!(position.is_up_to_date(), "{position:?}");
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until(&admin, &format!("SELECT count(*) FROM ({locks}) l WHERE l.count = 0")).await;
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Failed(failure) => *failure,
        other => panic!("{other}"),
    }
}

const TABLE: &str = "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (2, 2);";

/// Makes a migration's statement fail with an unknown outcome, as if its answer was lost.
async fn in_doubt(it: &Migrator, database: &Database) -> Client {
    it.run(database.url()).await.unwrap_err();
    let admin = database.connect().await.unwrap();
    let unheard = "UPDATE migrate_history SET outcome = 'unfinished' WHERE checkpoint IS NOT NULL";
    admin.batch_execute(unheard).await.unwrap();
    admin
}

/// The failure of a run: its SQLSTATE, or that it is in doubt.
async fn said(it: &Migrator, database: &Database) -> String {
    let failure = failure(it.run(database.url()).await.unwrap_err());
    match failure.left {
        Left::InDoubt { .. } => "in doubt".to_owned(),
        _ => failure.code.unwrap_or(failure.message),
    }
}

/// Puts the database in the state in which a client is lost before it sends the statement after the first
/// `done`, so that the checkpoint was never advanced.
async fn interrupted_before(it: &Migrator, database: &Database, done: i32) -> Client {
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    // The step runs normally, but every UPDATE of the checkpoint beyond `done` fails, which ends the run
    // there.
    admin
        .batch_execute(&format!(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'cut'; END $$; \
             CREATE TRIGGER cut BEFORE UPDATE ON migrate_history FOR EACH ROW WHEN (NEW.checkpoint > {done} OR NEW.outcome = 'failed') \
             EXECUTE FUNCTION cut()"
        ))
        .await
        .unwrap();
    it.run(database.url()).await.unwrap_err();
    admin.batch_execute("DROP FUNCTION cut CASCADE").await.unwrap();
    assert_eq!(row(&admin).await, ("unfinished".to_owned(), done));
    admin
}
