//! A migration that stopped between its statements never counts as done, for any caller.

mod attempts;
mod corrected;

use migrate_core::Set;
use migrate_core::plan::Interruption;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{
    AttemptOutcome, Down, Error, Left, Migrator, Refused, Report, Resolution, SetPosition,
};
use migrate_tests::sets::{Scripts, set};
use std::time::Duration;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

const TABLE: &str = "CREATE TABLE t (a int, b int);";
const INDEXES: &str = "CREATE INDEX CONCURRENTLY i ON t (a); CREATE INDEX CONCURRENTLY j ON t (b);";

fn migrator(scripts: impl IntoIterator<Item = Scripts>) -> Migrator {
    Migrator::new(set("default", scripts)).retry_for(Duration::from_secs(5))
}

const USERS: &str = "CREATE TABLE users (id int, email text);";

/// The first migration creates a table, the second is this one.
fn second(up: &str) -> Migrator {
    migrator([Scripts::up(1, USERS), Scripts::up(2, up)])
}

async fn indexes(database: &Database) -> String {
    let sql = "SELECT coalesce(string_agg(relname || CASE WHEN indisvalid THEN '' ELSE '!' END, ' ' ORDER BY relname), '') \
               FROM pg_class JOIN pg_index ON indexrelid = oid WHERE indrelid = 'users'::regclass";
    database.connect().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (String, Interruption) {
    match outcome.unwrap_err() {
        Error::Refused(Refused::Interrupted { name, problem, .. }) => (name, problem),
        other => panic!("not refused by name: {other}"),
    }
}

fn names(report: &Report) -> Vec<String> {
    report.steps.iter().map(|step| format!("{} {}", step.action, step.name)).collect()
}

/// Two migrations; the second is half reverted: its first index is gone.
async fn half_reverted(database: &Database) -> Migrator {
    let down = "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY nosuch; DROP INDEX CONCURRENTLY j;";
    let migrator = migrator([Scripts::up(1, TABLE).down("DROP TABLE t"), Scripts::up(2, INDEXES).down(down)]);
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 2);
    assert!(matches!(migrator.down(database.url(), 1).await, Err(Error::Failed(_))));
    migrator
}

#[tokio::test]
async fn a_half_reverted_migration_is_no_up_to_date_database() {
    let database = database().await;
    let migrator = half_reverted(&database).await;
    let url = database.url();
    let position = migrator.position(url).await.unwrap();
    assert!(matches!(position, SetPosition::Interrupted { .. }) && !position.is_up_to_date(), "{position:?}");
    let reverting =
        |outcome| assert_eq!(refusal(outcome), ("00002_step".to_owned(), Interruption::Reverting));
    reverting(migrator.run(url).await);
    reverting(migrator.run(&database.connect().await.unwrap()).await);
    reverting(migrator.to(url, "2").await);
    reverting(migrator.baseline(url, "2").await);
    assert_eq!(refusal(migrator.verify(url).await).0, "00002_step");
    assert_eq!(refusal(migrator.plan(url).await.map(|steps| steps.steps.len())).0, "00002_step");
    // `down` resumes where it stopped.
    database.connect().await.unwrap().batch_execute("CREATE INDEX nosuch ON t (a)").await.unwrap();
    let report = migrator.down(url, Down::all()).await.unwrap();
    assert_eq!(names(&report), ["revert 00002_step", "revert 00001_step"]);
    assert!(migrator.down(url, Down::all()).await.unwrap().is_noop());
    assert_eq!(migrator.run(url).await.unwrap().steps.len(), 2);
}

/// One half-applied migration: a table without its index.
async fn half_applied(database: &Database, version: usize) -> Migrator {
    let up = format!("CREATE TABLE t{version} (a int); CREATE INDEX CONCURRENTLY ON t{version} (nosuch);");
    let first = (1..version)
        .map(|n| Scripts::up(n, format!("CREATE TABLE t{n} ()")).down(format!("DROP TABLE t{n}")));
    let last = Scripts::up(version, up).down(format!("DROP TABLE t{version}"));
    let migrator = migrator(first.chain([last]));
    assert!(matches!(migrator.run(database.url()).await, Err(Error::Failed(_))));
    migrator
}

#[tokio::test]
async fn a_half_applied_migration_is_not_nothing_to_revert() {
    let database = database().await;
    let migrator = half_applied(&database, 1).await;
    let url = database.url();
    for extent in [Down::all(), Down::count(1)] {
        assert_eq!(refusal(migrator.down(url, extent).await).1, Interruption::Applying);
    }
    assert_eq!(refusal(migrator.redo(url, 1).await).1, Interruption::Applying);
    // Also for a release that does not have it, even if it is the only one.
    let older = Migrator::new(set("default", []));
    assert_eq!(refusal(older.down(url, Down::all()).await).1, Interruption::Applying);
    database.connect().await.unwrap().batch_execute("ALTER TABLE t1 ADD nosuch int").await.unwrap();
    assert_eq!(names(&migrator.run(url).await.unwrap()), ["apply 00001_step"]);
}

#[tokio::test]
async fn a_half_applied_migration_beyond_the_target_is_refused_by_name() {
    let database = database().await;
    let migrator = half_applied(&database, 2).await;
    let url = database.url();
    for outcome in [
        migrator.to(url, "1").await,
        migrator.clone().up_to("1").run(url).await,
        migrator.baseline(url, "1").await,
        migrator.resolve(url, "1", Resolution::Reverted, "a try").await,
    ] {
        assert_eq!(refusal(outcome), ("00002_step".to_owned(), Interruption::Applying));
    }
    migrator.resolve(url, "2", Resolution::Reverted, "the table is dropped").await.unwrap();
    assert!(migrator.to(url, "1").await.unwrap().is_noop());
}

#[tokio::test]
async fn a_baseline_over_a_half_applied_migration_is_refused_by_name() {
    let database = database().await;
    let migrator = half_applied(&database, 1).await;
    let refused = tokio::time::timeout(Duration::from_secs(10), migrator.baseline(database.url(), "1"));
    assert_eq!(refusal(refused.await.unwrap()), ("00001_step".to_owned(), Interruption::Applying));
}

/// A rolling deployment restarts old replicas while the new release builds its index.
#[tokio::test]
async fn an_older_release_boots_beside_a_newer_ones_half_applied_migration() {
    let database = database().await;
    let newer = half_applied(&database, 2).await;
    let older = Migrator::new(set("default", [Scripts::up(1, "CREATE TABLE t1 ()")]));
    assert!(older.run(database.url()).await.unwrap().is_noop());
    assert!(older.position(database.url()).await.unwrap().is_up_to_date());
    assert!(!newer.position(database.url()).await.unwrap().is_up_to_date());
}

/// A run builds an index while others boot: they wait for it, and are not refused.
#[tokio::test]
async fn what_is_under_way_is_waited_for() {
    let database = database().await;
    let up = "CREATE INDEX CONCURRENTLY i ON t (a); SELECT pg_sleep(1);";
    let down = "DROP INDEX CONCURRENTLY i; SELECT pg_sleep(1);";
    let set: Set = set("default", [Scripts::up(1, TABLE), Scripts::up(2, up).down(down)]);
    let migrator = Migrator::new(set);
    let admin = database.connect().await.unwrap();
    let is_under_way = "SELECT count(*) > 0 FROM pg_stat_activity \
                        WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(1)%' AND pid <> pg_backend_pid()";
    let boot = async || {
        while !admin.query_one(is_under_way, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        migrator.run(database.url()).await
    };
    let (first, second) = tokio::join!(migrator.run(database.url()), boot());
    assert_eq!((first.unwrap().steps.len(), second.unwrap().steps.len()), (2, 0));
    let (reverted, again) = tokio::join!(migrator.down(database.url(), 1), boot());
    assert_eq!(names(&reverted.unwrap()), ["revert 00002_step"]);
    assert_eq!(names(&again.unwrap()), ["apply 00002_step"]);
}

#[tokio::test]
async fn a_plan_has_only_what_an_interrupted_migration_still_needs() {
    let database = database().await;
    let migrator = half_applied(&database, 1).await;
    let plan = migrator.explain(database.url()).await.unwrap();
    let numbers: Vec<usize> = plan.steps[0].statements.iter().map(|statement| statement.number).collect();
    assert_eq!((numbers, plan.steps[0].statements_done), (vec![2], 1));
    assert!(plan.to_string().contains("resumes after 1 completed statement"), "{plan}");
}

/// A row at a checkpoint of a migration whose script runs in a transaction.
#[tokio::test]
async fn a_checkpoint_of_a_script_that_runs_in_a_transaction_is_refused_by_name() {
    let database = database().await;
    let migrator = migrator([Scripts::up(1, TABLE), Scripts::up(2, "CREATE TABLE u (); CREATE TABLE v ();")]);
    migrator.run(database.url()).await.unwrap();
    let unfinished = "UPDATE migrate_history SET outcome = 'unfinished', checkpoint = 0, \
                      digest = (SELECT digest FROM migrate_history WHERE seq = 1) WHERE seq = 2; \
                      TRUNCATE migrate_history_head; DROP TABLE u, v";
    let client = database.connect().await.unwrap();
    client.batch_execute(unfinished).await.unwrap();
    assert_eq!(
        refusal(migrator.run(database.url()).await),
        ("00002_step".to_owned(), Interruption::Transaction)
    );
    migrator.resolve(database.url(), "2", Resolution::Reverted, "none of it is applied").await.unwrap();
    assert_eq!(names(&migrator.run(database.url()).await.unwrap()), ["apply 00002_step"]);
}

/// Half of a baseline would be refused as a history of its own. It may be larger than one message.
#[tokio::test]
async fn a_baseline_that_is_cut_off_leaves_nothing_behind() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    Migrator::new(set("other", [Scripts::up(1, TABLE)])).run(database.url()).await.unwrap();
    client
        .batch_execute(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
             CREATE TRIGGER cut BEFORE INSERT ON migrate_history FOR EACH ROW WHEN (NEW.seq = 50) EXECUTE FUNCTION cut()",
        )
        .await
        .unwrap();
    let text = format!("-- {}\nSELECT 1;", "x".repeat(10_000));
    let migrator = migrator((1..=60).map(|version| Scripts::up(version, text.clone())));
    let cut = migrator.baseline(database.url(), "55").await.unwrap_err();
    assert!(!matches!(cut, Error::Refused(_)), "{cut}");
    assert_eq!(migrator.status(database.url()).await.unwrap().applied().count(), 0);
    client.batch_execute("DROP TRIGGER cut ON migrate_history").await.unwrap();
    let report = migrator.baseline(database.url(), "55").await.unwrap();
    assert_eq!(report.steps.len(), 55);
    let rows = "SELECT count(*), count(finished_at), count(DISTINCT xmin::text) FROM migrate_history WHERE set_name = 'default'";
    let row = client.query_one(rows, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (55, 55, 1));
    assert!(migrator.baseline(database.url(), "55").await.unwrap().is_noop());
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 5);
}
