//! Seeds: scripts that fill a database, run again when their text changes.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Left, LockKind, Migrator, Set};
use migrate_tests::sets::folder_of;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const TABLE: (&str, &str) = ("0001_runs.up.sql", "CREATE TABLE runs (name text);");

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    let files: Vec<(&str, &str)> = std::iter::once(TABLE).chain(files.iter().copied()).collect();
    Migrator::new(Set::from_folder(folder_of(&files).path()).unwrap())
}

/// The rows that the seeds have inserted, in order.
async fn runs(database: &Database) -> Vec<String> {
    let client = database.connect().await.unwrap();
    let rows = client.query("SELECT name FROM runs ORDER BY ctid", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

const A: (&str, &str) = ("seeds/a.sql", "INSERT INTO runs VALUES ('a');");
const B: (&str, &str) = ("seeds/b.sql", "INSERT INTO runs VALUES ('b');");
const DEVELOPMENT: (&str, &str) = ("seeds/development/a.sql", "INSERT INTO runs VALUES ('development');");
const TEST: (&str, &str) = ("seeds/test/a.sql", "INSERT INTO runs VALUES ('test');");

#[tokio::test]
async fn a_seed_runs_once_and_again_when_its_text_changes() {
    let database = database().await;
    let first = migrator(&[A, B, DEVELOPMENT]);
    first.run(database.url()).await.unwrap();
    assert_eq!(first.seed(database.url()).await.unwrap().to_string(), "2 seeds ran");
    assert_eq!(first.seed(database.url()).await.unwrap().to_string(), "no seed ran, 2 are unchanged");
    let changed = migrator(&[A, ("seeds/b.sql", "INSERT INTO runs VALUES ('b2');"), DEVELOPMENT]);
    let report = changed.seed(database.url()).await.unwrap();
    let ran: Vec<(&str, bool)> = report.seeds.iter().map(|seed| (seed.name.as_str(), seed.ran)).collect();
    assert_eq!(ran, [("a.sql", false), ("b.sql", true)]);
    assert_eq!(runs(&database).await, ["a", "b", "b2"]);
    changed.clone().seed_again(true).seed(database.url()).await.unwrap();
    assert_eq!(runs(&database).await, ["a", "b", "b2", "a", "b2"]);
}

#[tokio::test]
async fn the_file_beside_the_folder_and_one_of_its_name_in_the_folder_are_two_seeds() {
    let database = database().await;
    let folder = folder_of(&[
        ("migrations/0001_runs.sql", TABLE.1),
        ("seed.sql", "INSERT INTO runs VALUES ('beside');"),
        ("seeds/seed.sql", "INSERT INTO runs VALUES ('in');"),
    ]);
    let migrator = Migrator::new(Set::from_folder(folder.path().join("migrations")).unwrap());
    migrator.run(database.url()).await.unwrap();
    assert_eq!(migrator.seed(database.url()).await.unwrap().ran(), 2);
    assert_eq!(migrator.seed(database.url()).await.unwrap().ran(), 0);
    assert_eq!(runs(&database).await, ["beside", "in"]);
}

#[tokio::test]
async fn the_seeds_of_an_environment_run_after_those_of_all() {
    let database = database().await;
    let migrator = migrator(&[A, DEVELOPMENT, TEST]);
    migrator.run(database.url()).await.unwrap();
    migrator.clone().environment("test").seed(database.url()).await.unwrap();
    assert_eq!(runs(&database).await, ["a", "test"]);
    match migrator.environment("staging").seed(database.url()).await.unwrap_err() {
        Error::NoSuchEnvironment { environment, found } => {
            assert_eq!(
                (environment.as_str(), found),
                ("staging", vec!["development".to_owned(), "test".to_owned()])
            );
        }
        other => panic!("{other}"),
    }
    let client = database.connect().await.unwrap();
    let sql = "SELECT set_name, name, environment, checksum, program FROM migrate_history_seed ORDER BY name";
    let rows = client.query(sql, &[]).await.unwrap();
    let row = |index: usize| -> (String, String, Option<String>) {
        (rows[index].get(0), rows[index].get(1), rows[index].get(2))
    };
    assert_eq!(row(0), ("default".to_owned(), "a.sql".to_owned(), None));
    assert_eq!(row(1).2, Some("test".to_owned()));
    assert!(rows[0].get::<_, String>(3).starts_with("sha256:"));
}

#[tokio::test]
async fn a_seed_that_fails_is_rolled_back_and_the_earlier_ones_stay() {
    let database = database().await;
    let fails = ("seeds/b.sql", "INSERT INTO runs VALUES ('b');\n\nINSERT INTO nothing VALUES (1)");
    let migrator = migrator(&[A, fails, ("seeds/c.sql", "SELECT 1;")]);
    migrator.run(database.url()).await.unwrap();
    let error = migrator.seed(database.url()).await.unwrap_err();
    assert_eq!((error.sqlstate(), error.left()), (Some("42P01"), Left::Steps { done: 1 }));
    let text = error.to_string();
    assert!(text.starts_with("the seed b.sql failed at seeds/b.sql:3:13: relation \"nothing\""), "{text}");
    assert!(text.contains("b.sql left nothing behind; the seeds before it stay: a.sql"), "{text}");
    assert_eq!(runs(&database).await, ["a"]);
    insert_and_seed(&database, &migrator).await;
    assert_eq!(runs(&database).await, ["a", "b"]);
}

async fn insert_and_seed(database: &Database, migrator: &Migrator) {
    database.connect().await.unwrap().batch_execute("CREATE TABLE nothing (n int)").await.unwrap();
    migrator.seed(database.url()).await.unwrap();
}

/// A constraint that is checked at the COMMIT belongs to the seed that breaks it.
#[tokio::test]
async fn a_deferred_constraint_fails_the_seed_and_not_its_record() {
    let database = database().await;
    let breaks = ("seeds/a.sql", "INSERT INTO runs VALUES ('x'), ('x');");
    let migrator = migrator(&[breaks]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE runs ADD UNIQUE (name) DEFERRABLE INITIALLY DEFERRED").await.unwrap();
    let error = migrator.seed(database.url()).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("23505"));
    assert!(client.query("SELECT FROM migrate_history_seed", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_seed_sets_ends_with_it_and_its_row_is_found_whatever_it_sets() {
    let database = database().await;
    let migrator = migrator(&[
        (
            "seeds/a.sql",
            "CREATE SCHEMA other; CREATE TABLE other.runs (name text); SET search_path = other;\nINSERT INTO runs VALUES ('other');",
        ),
        ("seeds/b.sql", "INSERT INTO runs VALUES (current_setting('search_path'));"),
    ]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    migrator.seed(&client).await.unwrap();
    assert_eq!(runs(&database).await, ["\"$user\", public"]);
    assert!(migrator.seed(&client).await.unwrap().ran() == 0);
}

#[tokio::test]
async fn seeds_of_several_replicas_run_one_after_another_and_once() {
    for kind in [None, Some(LockKind::Transaction), Some(LockKind::Lease { expiry: Duration::from_secs(30) })]
    {
        let database = database().await;
        let migrator = migrator(&[("seeds/a.sql", "INSERT INTO runs SELECT 'a' FROM pg_sleep(0.05);")]);
        let migrator = kind.into_iter().fold(migrator, Migrator::lock);
        migrator.run(database.url()).await.unwrap();
        let start = Arc::new(Barrier::new(4));
        let mut seeding = JoinSet::new();
        for _ in 0..4 {
            let (migrator, url, start) = (migrator.clone(), database.url().to_owned(), Arc::clone(&start));
            seeding.spawn(async move {
                start.wait().await;
                migrator.seed(&url).await.map(|report| report.ran())
            });
        }
        let seeded = seeding.join_all().await;
        let ran: usize = seeded.into_iter().map(Result::unwrap).sum();
        assert_eq!((ran, runs(&database).await), (1, vec!["a".to_owned()]), "{kind:?}");
    }
}

/// The table is no part of the schema, and a release that does not know it is not disturbed.
#[tokio::test]
async fn the_table_of_seeds_is_no_drift_and_costs_a_boot_nothing() {
    use migrate_postgres::drift::Comparison;
    let database = database().await;
    let migrator = migrator(&[A]);
    migrator.run(database.url()).await.unwrap();
    migrator.seed(database.url()).await.unwrap();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
    let without = self::migrator(&[]);
    assert!(without.run(database.url()).await.unwrap().is_noop());
    assert_eq!(without.seed(database.url()).await.unwrap().to_string(), "there are no seeds");
}

#[tokio::test]
async fn a_table_of_something_else_with_that_name_is_left_alone() {
    let database = database().await;
    let migrator = migrator(&[A]);
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE migrate_history_seed (plant text)").await.unwrap();
    match migrator.seed(database.url()).await.unwrap_err() {
        Error::NotOurTable { table, missing } => {
            assert_eq!(table, "public.migrate_history_seed");
            assert_eq!(missing.len(), 6);
        }
        other => panic!("{other}"),
    }
    assert_eq!(runs(&database).await, [""; 0]);
}
