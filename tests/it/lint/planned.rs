//! Findings of pending migrations, judged with the facts of the live database.

use migrate_postgres::__private::{SetSettings, finish};
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

/// The configuration is for migrations that are applied, whose text must not change. The first run that does
/// something records it; a boot with nothing to do, and a release without the entry, find it there.
#[tokio::test]
async fn the_history_keeps_the_reasons_of_the_configuration() {
    let database = database().await;
    let url = database.url();
    let release = |scripts: &[&str], approvals| {
        let scripts = scripts.iter().enumerate().map(|(index, text)| Scripts::up(index + 1, *text));
        finish(set("planned", scripts), SetSettings { approvals, ..SetSettings::DEFAULT })
    };
    let bare = "ALTER TABLE users DROP COLUMN phone;";
    release(&[USERS, bare], &[]).run(url).await.unwrap();
    let approvals = &[("2", "drop-column", "unused since 2.0"), ("4", "drop-table", "empty")];
    let next = release(&[USERS, bare, "CREATE TABLE posts ();", "DROP TABLE users;"], approvals);
    assert!(next.clone().up_to("2").run(url).await.unwrap().is_noop());
    let recorded = "SELECT count(*) FROM pg_class WHERE relname = 'migrate_history_approval'";
    let client = database.connect().await.unwrap();
    assert_eq!(client.query_one(recorded, &[]).await.unwrap().get::<_, i64>(0), 0);

    for (last, count) in [("3", 1), ("4", 2)] {
        let report = next.clone().up_to(last).run(url).await.unwrap();
        assert!(!report.is_noop() && report.notices.is_empty(), "{report:?}");
        let rows = client.query_one("SELECT count(*) FROM migrate_history_approval", &[]).await.unwrap();
        assert_eq!(rows.get::<_, i64>(0), count, "what is applied");
    }
    let rows = "SELECT string_agg(concat_ws(' ', set_name, version, rule, reason), '; ' ORDER BY version) \
                FROM migrate_history_approval";
    let rows: String = client.query_one(rows, &[]).await.unwrap().get(0);
    assert_eq!(rows, "planned 2 drop-column unused since 2.0; planned 4 drop-table empty");
    for release in [next, release(&[USERS], &[])] {
        let report = release.database_report(url, &ReportOptions::new()).await.unwrap();
        let accepted: Vec<String> =
            report.accepted.iter().map(|of| format!("{} {of}", of.migration)).collect();
        assert_eq!(accepted, ["00002_step drop-column: unused since 2.0", "00004_step drop-table: empty"]);
        assert!(report.to_html().contains("Accepted: drop-column: unused since 2.0"));
        assert!(!report.to_html().contains("history_approval"), "the table is not the application's");
    }
}

/// Nothing that was done is undone because a reason can't be recorded.
#[tokio::test]
async fn a_role_without_rights_to_record_the_configuration_gets_a_notice() {
    let database = database().await;
    let url = database.url();
    let release = |last: &str, approvals| {
        let scripts = [Scripts::up(1, USERS), Scripts::up(2, last)];
        let chosen = SetSettings { approvals, history_schema: Some("ops"), ..SetSettings::DEFAULT };
        finish(set("planned", scripts), chosen)
    };
    release("SELECT 1;", &[]).up_to("1").run(url).await.unwrap();
    let client = database.connect().await.unwrap();
    let role = format!("{}_runs", database.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA ops TO {role};
             GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ops TO {role}"
        ))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    let report = release("SELECT 1;", &[("1", "no-primary-key", "a list")]).run(&config).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    let notices: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    assert!(notices.len() == 1 && notices[0].contains("the approvals could not be recorded"), "{notices:?}");
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
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
