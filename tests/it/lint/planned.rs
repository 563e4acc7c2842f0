//! Findings of pending migrations, judged with the facts of the live database.

use migrate_postgres::Migrator;
use migrate_postgres::lint::Risk;
use migrate_postgres::operate::{Check, Verdict};
use migrate_postgres::report::ReportOptions;
use migrate_postgres::testing::{self, Database};
use migrate_tests::sets::{Scripts, set};

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

const DROP: &str =
    "-- migrate: allow=drop-column reason=\"unused since 2.0\"\nALTER TABLE users DROP COLUMN phone;";

fn migrator(scripts: &[&str]) -> Migrator {
    let scripts = scripts.iter().enumerate().map(|(index, text)| Scripts::up(index + 1, *text));
    Migrator::new(set("planned", scripts))
}

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20), phone text);";

/// The text alone does not tell the old type, nor the size.
#[tokio::test]
async fn the_live_database_tells_what_the_text_does_not() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE made_by_hand (a varchar(20), b varchar(20)); CREATE INDEX ON made_by_hand (b);
             INSERT INTO made_by_hand SELECT i, i FROM generate_series(1, 20000) i; ANALYZE made_by_hand",
        )
        .await
        .unwrap();
    let wider = "ALTER TABLE made_by_hand ALTER a TYPE varchar(50);";
    let planned = migrator(&[wider]).explain(database.url()).await.unwrap();
    assert_eq!(planned.at_least(Risk::Dangerous).count(), 0, "{planned}");
    let planned = migrator(&["ALTER TABLE made_by_hand ALTER b TYPE int USING b::int;"])
        .explain(database.url())
        .await
        .unwrap();
    let found: Vec<_> = planned.at_least(Risk::Dangerous).map(|of| (of.rule.id, of.place.line)).collect();
    assert_eq!(found, [("type-rewrites", 1)], "{planned}");
    assert!(planned.to_string().contains("00001_step.up.sql:1:26: dangerous: "), "{planned}");
    client.batch_execute("TRUNCATE made_by_hand").await.unwrap();
    let planned = migrator(&["ALTER TABLE made_by_hand ALTER b TYPE int USING b::int;"]);
    let planned = planned.explain(database.url()).await.unwrap();
    assert_eq!(planned.at_least(Risk::Dangerous).count(), 0, "the table is small now: {planned}");
}

#[tokio::test]
async fn a_plan_a_preflight_and_the_page_show_findings_and_what_is_accepted() {
    let database = database().await;
    let url = database.url();
    migrator(&[USERS]).run(url).await.unwrap();
    let scripts = [USERS, DROP, "DROP TABLE users;"];
    let planned = migrator(&scripts).explain(url).await.unwrap();
    let found: Vec<_> = planned.at_least(Risk::Dangerous).map(|of| of.rule.id).collect();
    assert_eq!(found, ["drop-table"]);
    let approved = &planned.approved[0];
    assert_eq!(
        (approved.finding.rule.id, approved.reason.as_deref()),
        ("drop-column", Some("unused since 2.0"))
    );

    let preflight = migrator(&scripts).preflight(url).await.unwrap();
    let finding = preflight.findings.iter().find(|finding| finding.check == Check::Findings).unwrap();
    assert_eq!(finding.verdict, Verdict::Warning);
    assert!(finding.found.contains("00003_step.up.sql:1:12: very-risky: the table users"), "{preflight}");
    let accepted = migrator(&scripts[..2]).preflight(url).await.unwrap();
    let finding = accepted.findings.iter().find(|finding| finding.check == Check::Findings).unwrap();
    assert_eq!((finding.verdict, finding.found.as_str()), (Verdict::Pass, "one finding, which is accepted"));

    let page = migrator(&scripts).database_report(url, &ReportOptions::new()).await.unwrap().to_html();
    assert!(
        page.contains("the table users and its rows are deleted") && page.contains("drop-table. "),
        "{page}"
    );
    assert!(page.contains("Accepted: drop-column: unused since 2.0"), "{page}");
}

/// The reason stands in the script, which the history stores: it is shown by a release that lacks the script, too.
#[tokio::test]
async fn the_history_keeps_the_reason_of_what_was_accepted() {
    let database = database().await;
    let url = database.url();
    let scripts = [USERS, DROP];
    let report = migrator(&scripts).run(url).await.unwrap();
    let judgement = migrator(&scripts).judge(&report);
    assert_eq!(
        (judgement.findings.len(), judgement.approved.len()),
        (0, 0),
        "the table was new: {judgement:?}"
    );
    for release in [&scripts[..], &scripts[..1]] {
        let report = migrator(release).database_report(url, &ReportOptions::new()).await.unwrap();
        let accepted: Vec<String> = report.accepted.iter().map(ToString::to_string).collect();
        assert_eq!(accepted, ["drop-column: unused since 2.0"]);
        assert!(report.to_html().contains("Accepted: drop-column: unused since 2.0"));
    }
}

#[tokio::test]
async fn a_run_can_be_judged_afterwards() {
    let database = database().await;
    migrator(&[USERS]).run(database.url()).await.unwrap();
    let scripts = [USERS, "CREATE INDEX ON users (name);"];
    let report = migrator(&scripts).run(database.url()).await.unwrap();
    let judgement = migrator(&scripts).judge(&report);
    assert_eq!(judgement.findings.iter().map(|of| of.rule.id).collect::<Vec<_>>(), ["index-not-concurrent"]);
}
