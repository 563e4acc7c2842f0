//! `Migrator::refuse`: pending migrations are refused by name, before anything is run.

use migrate_postgres::lint::Risk;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator, Refused};
use migrate_tests::sets::{Scripts, set};

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn scripts(last: &str) -> Migrator {
    Migrator::new(set(
        "refusing",
        [
            Scripts::up(1, "CREATE TABLE users (id bigint PRIMARY KEY, email text);"),
            Scripts::up(2, "CREATE TABLE posts (id bigint PRIMARY KEY);"),
            Scripts::up(3, last),
        ],
    ))
}

#[tokio::test]
async fn a_very_risky_migration_is_refused_by_name_before_anything_is_run() {
    let database = database().await;
    let drops = "CREATE TABLE later (id bigint);\nDROP TABLE users;";
    scripts(drops).up_to("1").run(database.url()).await.unwrap();
    let refusing = scripts(drops).refuse(Risk::VeryRisky);
    let error = refusing.run(database.url()).await.unwrap_err();
    let Error::Refused(Refused::Risky { risk, statements, .. }) = &error else { panic!("{error}") };
    assert_eq!((*risk, statements.len(), statements[0].name.as_str()), ("very-risky", 1, "00003_step"));
    assert!(
        statements[0].finding.starts_with("00003_step.up.sql:2:12: very-risky: the table users"),
        "{error}"
    );
    assert!(error.to_string().starts_with("00003_step is refused: "), "{error}");
    let status = refusing.status(database.url()).await.unwrap();
    assert_eq!(status.applied().count(), 1, "0002 was not applied either");
    // Up to 2 there is nothing to refuse, and a lower risk is not refused.
    refusing.clone().up_to("2").run(database.url()).await.unwrap();

    let reason = format!("-- migrate: allow=drop-table reason=\"moved to another service\"\n{drops}");
    scripts(&reason).refuse(Risk::Dangerous).run(database.url()).await.unwrap();
}

#[tokio::test]
async fn tables_of_the_same_run_are_not_in_use() {
    let database = database().await;
    let index = "CREATE INDEX ON users (email);";
    let accepted = format!("-- migrate: allow=index-not-concurrent\n{index}");
    scripts(&accepted).refuse(Risk::Careful).run(database.url()).await.unwrap();
    let other = self::database().await;
    scripts(index).up_to("1").run(other.url()).await.unwrap();
    let error = scripts(index).refuse(Risk::Dangerous).run(other.url()).await.unwrap_err();
    assert!(error.to_string().contains("[index-not-concurrent]"), "{error}");
}
