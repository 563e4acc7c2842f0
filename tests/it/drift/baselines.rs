//! Baselines with a comparison.

use crate::drift::{database, run, users};
use migrate_postgres::drift::Comparison;
use migrate_postgres::{Error, Migrator, Refused};

const BY_HAND: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text)";

#[tokio::test]
async fn a_schema_that_is_what_the_migrations_make_gets_its_baseline() {
    let database = database().await;
    run(&database, BY_HAND).await;
    let (migrator, comparison) = (Migrator::new(users()), Comparison::new());
    let report = migrator.baseline_checked(database.url(), "00001_step", &comparison).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    assert!(migrator.baseline_checked(database.url(), "00001_step", &comparison).await.unwrap().is_noop());
    migrator.run(database.url()).await.unwrap();
    assert!(migrator.drift(database.url(), &comparison).await.unwrap().is_none());
    let error = migrator.baseline_checked(database.url(), "00001_step", &comparison).await.unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::NotEmpty { .. })), "{error}");
}

#[tokio::test]
async fn a_schema_that_is_not_is_refused_and_nothing_is_marked() {
    let database = database().await;
    run(&database, "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail text)").await;
    let migrator = Migrator::new(users());
    let error = migrator.baseline_checked(database.url(), "2", &Comparison::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the schema differs from the migrations up to 00002_step; nothing was changed\n\
         `added` is only in the database, `removed` only in the migrations:\n\
         column public.users.mail: added\n  +text\n\
         column public.users.name: changed\n   text\n  +NOT NULL\n\
         index public.by_name: removed\n  -CREATE INDEX by_name ON public.users USING btree (name)\n\
         next: create the added objects in a migration up to 00002_step, or remove them from the database or the comparison"
    );
    let Error::Differs { name, differences } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), differences.len()), ("00002_step", 3));
    assert_eq!(migrator.status(database.url()).await.unwrap().pending().count(), 2);
    assert!(migrator.history(database.url()).await.unwrap().is_empty());

    let same = migrator.check_baseline(database.url(), "2", &Comparison::new()).await.unwrap();
    assert_eq!(same, differences);
    let ignoring = Comparison::new().ignore("public.*".parse().unwrap());
    migrator.baseline_checked(database.url(), "2", &ignoring).await.unwrap();
}

#[tokio::test]
async fn a_version_that_there_is_not_is_refused_before_anything_is_made() {
    let database = database().await;
    let migrator = Migrator::new(users());
    for checked in [
        migrator.check_baseline(database.url(), "7", &Comparison::new()).await.map(drop),
        migrator.baseline_checked(database.url(), "7", &Comparison::new()).await.map(drop),
    ] {
        assert!(matches!(checked, Err(Error::Refused(Refused::UnknownVersion { .. }))), "{checked:?}");
    }
}
