//! Code that the program registers by its version: no file in the folder has it.

use super::{CODE, database, texts};
use migrate_postgres::code::{Context, Registration, RegistrationError, Result};
use migrate_postgres::drift::Comparison;
use migrate_postgres::{Error, Migrator, Refused, code_functions};
use std::sync::LazyLock;

async fn add(context: &mut Context<'_>) -> Result {
    context.batch_execute("CREATE TABLE badges (id bigint)").await?;
    Ok(())
}

async fn remove(context: &mut Context<'_>) -> Result {
    context.batch_execute("DROP TABLE badges").await?;
    Ok(())
}

async fn verify(context: &mut Context<'_>) -> Result {
    context.query("SELECT FROM badges", &[]).await?;
    Ok(())
}

fn registered(version: &'static str, revision: &'static str) -> Result<Migrator, RegistrationError> {
    let functions = code_functions!(up = add, down = remove, verify = verify);
    CODE.clone().with_code(Registration::new(version, "badges", revision, functions))
}

static REGISTERED: LazyLock<Migrator> = LazyLock::new(|| registered("2.5", "1").unwrap());

#[tokio::test]
async fn it_runs_in_its_order_and_has_its_row_and_its_way_back() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let text = REGISTERED.explain(database.url()).await.unwrap().to_string();
    assert!(text.contains("apply 2.5_badges (") && text.contains("registered.rs), Rust code"), "{text}");
    let report = REGISTERED.run(database.url()).await.unwrap();
    let names: Vec<&str> = report.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["0001_users", "0002_slugs", "2.5_badges", "0003_required", "0004_index"]);
    assert!(REGISTERED.run(database.url()).await.unwrap().is_noop());
    let checksum = "SELECT checksum FROM migrate_history WHERE name = '2.5_badges' AND up_sql IS NULL";
    assert!(texts(&client, checksum).await[0].starts_with("rust-sha256:"));
    let drift = REGISTERED.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.to_string(), "the schema matches its 5 applied migrations");
    assert_eq!(REGISTERED.to(database.url(), "0002").await.unwrap().steps.len(), 3);
    assert!(texts(&client, "SELECT 'there' FROM pg_class WHERE relname = 'badges'").await.is_empty());
}

#[tokio::test]
async fn another_revision_is_an_edit_and_a_program_without_it_says_so() {
    let database = database().await;
    REGISTERED.run(database.url()).await.unwrap();
    let error = registered("2.5", "2").unwrap().run(database.url()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(Refused::Edited { name, .. }) if name == "2.5_badges"),
        "{error}"
    );
    let error = CODE.run(database.url()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::Missing { is_code: true, .. })), "{error}");
    assert!(error.to_string().contains("it is Rust code, which this program does not contain"), "{error}");
    assert!(CODE.clone().allow_missing(true).run(database.url()).await.unwrap().is_noop());
}

#[test]
fn a_version_that_is_taken_is_refused_by_name() {
    let error = registered("2", "1").unwrap_err();
    assert!(
        matches!(&error, RegistrationError::DuplicateVersion(taken) if taken.second == "2_badges"),
        "{error}"
    );
    let text = "is both `0002_slugs` and `2_badges`: give one of them another version";
    assert!(error.to_string().contains(text), "{error}");
}

#[migrate_postgres::test(set = crate::rust_code::registered::REGISTERED)]
async fn a_test_has_a_database_that_the_registered_code_made(client: tokio_postgres::Client) {
    assert!(client.query("SELECT FROM badges", &[]).await.unwrap().is_empty());
}
