//! A set of code outside of a run: plans, lint, rehearsals, drift, tests, the page.

use super::{ACTS, CODE, act, database, effects, nothing, texts};
use migrate_postgres::Set;
use migrate_postgres::drift::Comparison;
use migrate_postgres::lint::{LintOptions, Risk, lint};
use migrate_postgres::operate::RehearsalStopped;
use migrate_postgres::report::ReportOptions;
use migrate_postgres::testing;
use migrate_tests::sets::folder_of;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_plan_says_that_it_is_code() {
    let database = database().await;
    let plan = CODE.explain(database.url()).await.unwrap();
    let code: Vec<_> = plan.steps.iter().map(|step| (step.path.as_deref().unwrap(), step.is_code)).collect();
    let expected = [
        ("0001_users.sql", false),
        ("0002_slugs.rs", true),
        ("0003_required.sql", false),
        ("0004_index.rs", true),
    ];
    assert_eq!(code, expected);
    let text = plan.to_string();
    assert!(
        text.contains("apply 0002_slugs (0002_slugs.rs), Rust code: its statements are not known"),
        "{text}"
    );
    assert!(text.contains("apply 0004_index (0004_index.rs), Rust code: its statements are not known before it runs, in no transaction"), "{text}");
    let report = CODE.database_report(database.url(), &ReportOptions::new()).await.unwrap();
    let page = report.to_html();
    assert!(
        page.contains("Rust code, in one transaction") && page.contains("Rust code, in no transaction"),
        "{page}"
    );
}

#[test]
fn what_code_may_have_changed_is_unknown_to_lint() {
    let judgement = lint(CODE.set(), &LintOptions::new()).unwrap();
    let found: Vec<String> = judgement.findings.iter().map(ToString::to_string).collect();
    let code = |file: &str| {
        let message = "careful: the statements that the Rust code sends are not checked, and what it may have changed is unknown from here on";
        format!("{file}:1:1: {message} [dynamic-sql]")
    };
    assert!(found.contains(&code("0002_slugs.rs")) && found.contains(&code("0004_index.rs")), "{found:?}");
    // A constraint makes SET NOT NULL safe; code in between may have dropped it.
    let dangers = |files: &[(&str, &str)]| {
        let set = Set::from_folder(folder_of(files).path()).unwrap();
        let judgement = lint(&set, &LintOptions::new()).unwrap();
        let dangers: Vec<String> = judgement.at_least(Risk::Dangerous).map(ToString::to_string).collect();
        dangers
    };
    let checked = "CREATE TABLE t (a int);\nALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL);";
    let files = [
        ("1_t.sql", checked),
        ("2_code.rs", "pub async fn up() {}"),
        ("3_a.sql", "ALTER TABLE t ALTER a SET NOT NULL;"),
    ];
    assert_eq!(dangers(&[files[0], files[2]]), [""; 0]);
    assert_eq!(dangers(&files).len(), 1, "{:?}", dangers(&files));
}

#[tokio::test]
async fn a_rehearsal_runs_code_and_rolls_it_back() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    CODE.clone().up_to("0001").run(database.url()).await.unwrap();
    let rehearsal = CODE.rehearse(database.url(), LIMIT).await.unwrap();
    assert!(
        matches!(&rehearsal.stopped, Some(RehearsalStopped::Refuses { name, .. }) if name == "0004_index"),
        "{rehearsal}"
    );
    let paths: Vec<&str> = rehearsal.steps.iter().map(|step| step.path.as_str()).collect();
    assert_eq!(paths, ["0002_slugs.rs", "0003_required.sql"]);
    let locks = &rehearsal.steps[0].statements[0].locks;
    assert!(locks.iter().any(|lock| lock.relation == "public.users"), "{rehearsal}");
    assert_eq!(texts(&client, "SELECT count(slug)::text FROM users").await, ["0"]);
    assert_eq!(CODE.run(database.url()).await.unwrap().steps.len(), 3);
}

#[tokio::test]
async fn a_rehearsal_says_that_code_would_fail_and_that_its_time_is_up() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    ACTS.clone().up_to("0001").run(database.url()).await.unwrap();
    let fails = act!(|context| { context.batch_execute("SELECT 1 / 0").await });
    let rehearsal = ACTS.clone().value(fails).rehearse(database.url(), LIMIT).await.unwrap();
    assert!(rehearsal.to_string().contains("it would fail: migration 0002_act failed"), "{rehearsal}");
    let slow = act!(|context| { context.batch_execute("SELECT pg_sleep(60)").await });
    let limit = Duration::from_millis(500);
    let rehearsal = ACTS.clone().value(slow).rehearse(database.url(), limit).await.unwrap();
    assert!(matches!(rehearsal.stopped, Some(RehearsalStopped::TimeUp { .. })), "{rehearsal}");
    assert_eq!(effects(&client).await, [""; 0]);
}

#[tokio::test]
async fn drift_replays_code_on_the_scratch_database() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    CODE.run(database.url()).await.unwrap();
    let drift = CODE.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.to_string(), "the schema matches its 4 applied migrations");
    client.batch_execute("ALTER TABLE users ALTER slug DROP NOT NULL").await.unwrap();
    let drift = CODE.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.to_string().contains("column public.users.slug"), "{drift}");
}

/// A role belongs to the server and not to the scratch database.
#[tokio::test]
async fn a_replay_keeps_code_from_changing_what_databases_share() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let act = act!(|context| {
        let role = format!(
            "made_by_{}",
            context.query_one("SELECT current_database()::text", &[]).await?.get::<_, &str>(0)
        );
        context.batch_execute(&format!("CREATE ROLE {role}")).await
    });
    let migrator = ACTS.clone().value(act);
    migrator.run(database.url()).await.unwrap();
    let error = migrator.drift(database.url(), &Comparison::new()).await.unwrap_err().to_string();
    assert!(error.contains("0002_act"), "{error}");
    let roles =
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'made_by_%' AND rolname LIKE '%scratch%'";
    assert!(texts(&client, roles).await.is_empty());
    client.batch_execute(&format!("DROP ROLE made_by_{}", database.name())).await.unwrap();
}

#[tokio::test]
async fn a_set_with_code_is_reversible_if_its_functions_are() {
    testing::assert_reversible(CODE.clone()).await;
}

#[migrate_postgres::test(set = crate::rust_code::CODE)]
async fn a_test_has_a_database_from_the_template_that_the_code_made(client: tokio_postgres::Client) {
    assert_eq!(texts(&client, "SELECT slug FROM users ORDER BY id").await.len(), 3);
}

#[migrate_postgres::test(set = crate::rust_code::CODE, schema)]
async fn a_test_has_a_schema_that_the_code_made(client: tokio_postgres::Client) {
    assert_eq!(texts(&client, "SELECT slug FROM users ORDER BY id").await.len(), 3);
}

#[test]
fn the_values_of_a_program_are_in_no_debug_text() {
    let migrator = ACTS.clone().value("hunter2".to_owned()).value(nothing());
    assert!(!format!("{migrator:?}").contains("hunter2"));
}
