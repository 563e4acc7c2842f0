//! Verify scripts run under their own options, and a refutation states the contents of the database.

use migrate_core::advice::Left;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Failure, Migrator};
use migrate_tests::sets::{Scripts, set};

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

const IN_BLOCK: &str = "CREATE TABLE a (x int)";
const STATEMENTS: &str = "CREATE TABLE a (x int); CREATE INDEX CONCURRENTLY i ON a (x)";

fn migrator(up: &str, verify: &str) -> Migrator {
    Migrator::new(set("default", [Scripts::up(1, up).verify(verify)]))
}

fn failure<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Box<Failure> {
    match outcome.unwrap_err() {
        Error::Failed(failure) => failure,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_verify_scripts_own_timeout_ends_it() {
    let slow = "-- migrate: statement_timeout=100ms\nSELECT true;\nSELECT true FROM pg_sleep(60)";
    for up in [IN_BLOCK, STATEMENTS] {
        let failure = failure(migrator(up, slow).run(database().await.url()).await);
        assert_eq!(failure.code.as_deref(), Some("57014"));
        assert_eq!(failure.place.as_ref().unwrap().statement, 2, "{failure}");
    }
    let database = database().await;
    migrator(IN_BLOCK, "SELECT true").run(database.url()).await.unwrap();
    let failure = failure(migrator(IN_BLOCK, slow).verify(database.url()).await);
    assert_eq!((failure.code.as_deref(), &failure.left), (Some("57014"), &Left::Applied));
}

#[tokio::test]
async fn a_timeout_of_the_database_does_not_end_a_verify_script() {
    let slow = "SELECT true FROM pg_sleep(0.6)";
    for up in [IN_BLOCK, STATEMENTS] {
        let database = database().await;
        let admin = database.connect().await.unwrap();
        let sql = format!("ALTER DATABASE \"{}\" SET statement_timeout = '200ms'", database.name());
        admin.batch_execute(&sql).await.unwrap();
        let migrator = migrator(up, slow);
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
        assert_eq!(migrator.verify(database.url()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_verify_script_of_what_is_committed_writes_nothing() {
    let database = database().await;
    let writes = "WITH w AS (INSERT INTO a VALUES (1) RETURNING 1) SELECT true FROM w";
    let failure = failure(migrator(STATEMENTS, writes).run(database.url()).await);
    assert_eq!(failure.code.as_deref(), Some("25006"), "{failure}");
    let client = database.connect().await.unwrap();
    assert_eq!(client.query_one("SELECT count(*) FROM a", &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_refutation_says_what_is_done_and_what_counts() {
    for (up, all) in
        [(STATEMENTS, "all statements of 00001_step are"), ("VACUUM", "the statement of 00001_step is")]
    {
        let database = database().await;
        let text = failure(migrator(up, "SELECT false").run(database.url()).await).to_string();
        let state = format!("database: {all} done and committed, but it does not count as applied");
        assert!(text.contains(&state), "{text}");
        assert!(text.contains("the run continues with its verify script"), "{text}");
        assert_eq!(migrator(up, "SELECT true").run(database.url()).await.unwrap().steps.len(), 1);
        let text = failure(migrator(up, "SELECT 7, 8").verify(database.url()).await).to_string();
        assert!(
            text.contains("database: 00001_step is applied, and was only verified\nnext: fix what"),
            "{text}"
        );
        assert!(text.contains("it returned (7, 8)"), "{text}");
    }
}
