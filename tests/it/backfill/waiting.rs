//! Migrations that wait for a backfill.

use super::{applied, database, finish, migrator, one};
use migrate_core::history::Notice;
use migrate_postgres::{Error, Migrator, Refused};
use migrate_tests::sets::{self, Scripts};
use std::time::Duration;

fn waits(notices: &[Notice]) -> Vec<String> {
    let waits = notices.iter().filter(|notice| matches!(notice, Notice::WaitsForBackfill { .. }));
    waits.map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_says_after_waits_and_later_ones_do_not() {
    let (database, client) = database().await;
    let config = database.config();
    let report = migrator(11).run(&config).await.unwrap();
    let expected = "migration 00003_step waits for the backfill of 00002_step, which is 0 % done";
    assert_eq!(waits(&report.notices), [expected]);
    assert_eq!((report.steps.len(), applied(&client).await.as_str()), (3, "1,2,4"));

    let report = migrator(11).run(&config).await.unwrap();
    assert!(report.is_noop());
    assert_eq!(waits(&report.notices), [expected]);

    finish(&client).await;
    let report = migrator(11).run(&config).await.unwrap();
    assert_eq!((report.steps.len(), report.notices.len()), (1, 0), "{report}");
    assert_eq!(applied(&client).await, "1,2,4,3");
    assert!(migrator(11).run(&config).await.unwrap().is_noop());
    // The whole set is applied: the history's end says so.
    assert!(migrator(11).position(&config).await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn rows_in_quarantine_hold_it_back() {
    let (database, client) = database().await;
    let config = database.config();
    migrator(11).run(&config).await.unwrap();
    finish(&client).await;
    client.batch_execute("UPDATE migrate_history_backfill SET quarantined = 1").await.unwrap();
    let report = migrator(11).run(&config).await.unwrap();
    assert_eq!(
        waits(&report.notices),
        ["migration 00003_step waits for the backfill of 00002_step, which is done, 1 row in quarantine"]
    );
    client.batch_execute("UPDATE migrate_history_backfill SET quarantined = 0").await.unwrap();
    assert_eq!(migrator(11).run(&config).await.unwrap().steps.len(), 1);
}

#[tokio::test]
async fn by_choice_the_run_is_refused_with_what_is_left_and_the_command() {
    let (database, client) = database().await;
    let config = database.config();
    let strict = || migrator(11).require_backfills(true);
    let error = strict().run(&config).await.unwrap_err();
    assert_eq!(applied(&client).await, "1,2", "what came before it stays: {error}");
    client
        .batch_execute(
            "UPDATE migrate_history_backfill SET rows_done = 5, rows_total = 11, begun_at = now() - interval '50 s', progress_at = now()",
        )
        .await
        .unwrap();
    let error = strict().run(&config).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("00003_step waits for the backfill of 00002_step, which is 45 % done: about 6 rows are left, which will take about 60 s"), "{text}");
    assert!(matches!(error, Error::Refused(Refused::BackfillUnfinished { rows_left: Some(6), .. })));
    for (state, quarantined, next) in [
        ("paused", 0, "resume the backfill (`steer_backfill(\"2\", BackfillAction::Resume)`), and finish"),
        (
            "stopped",
            0,
            "fix what stopped the backfill, and continue it (`steer_backfill(\"2\", BackfillAction::Retry)`)",
        ),
        (
            "cancelled",
            0,
            "continue the canceled backfill where it ended (`steer_backfill(\"2\", BackfillAction::Retry)`), and",
        ),
        (
            "done",
            3,
            "correct the rows that were set aside, and retry them (`steer_backfill(\"2\", BackfillAction::Retry)`)",
        ),
    ] {
        let sql =
            format!("UPDATE migrate_history_backfill SET state = '{state}', quarantined = {quarantined}");
        client.batch_execute(&sql).await.unwrap();
        let text = strict().run(&config).await.unwrap_err().to_string();
        assert!(text.contains(next), "{text}");
    }
    client.batch_execute("UPDATE migrate_history_backfill SET quarantined = 0").await.unwrap();
    finish(&client).await;
    assert_eq!(strict().run(&config).await.unwrap().steps.len(), 2);
}

#[tokio::test]
async fn a_revert_of_what_came_later_and_of_the_backfill_itself_leaves_what_waits_alone() {
    let (database, client) = database().await;
    let config = database.config();
    migrator(11).run(&config).await.unwrap();
    assert_eq!(migrator(11).down(&config, 2).await.unwrap().steps.len(), 2);
    assert_eq!(applied(&client).await, "1");
    assert_eq!(one(&client, "SELECT count(*) FROM migrate_history_backfill").await, "0");
    migrator(11).run(&config).await.unwrap();
    finish(&client).await;
    migrator(11).run(&config).await.unwrap();
    // Applied last, and reverted first.
    let report = migrator(11).redo(&config, 3).await.unwrap();
    let taken: Vec<String> =
        report.steps.iter().map(|step| format!("{} {}", step.action, step.version)).collect();
    assert_eq!(taken, ["revert 3", "revert 4", "revert 2", "apply 2", "apply 4"]);
    assert_eq!(waits(&report.notices).len(), 1);
}

#[tokio::test]
async fn a_run_finishes_itself_what_is_left_and_goes_on() {
    let (database, client) = database().await;
    let config = database.config();
    let migrator = || migrator(11).backfill_budget(Duration::from_secs(60));
    let report = migrator().run(&config).await.unwrap();
    assert_eq!((report.steps.len(), report.notices.len()), (4, 0), "{report}");
    assert_eq!(applied(&client).await, "1,2,4,3");
    assert_eq!(one(&client, "SELECT count(*) FROM users WHERE n = 1").await, "11");
    assert!(migrator().run(&config).await.unwrap().is_noop());
}

#[tokio::test]
async fn a_run_leaves_what_will_take_longer_and_what_an_operator_has_paused_to_others() {
    for change in [
        "state = 'paused'",
        "rows_done = 1, rows_total = 1000, begun_at = now() - interval '1 h', progress_at = now()",
    ] {
        let (database, client) = database().await;
        let config = database.config();
        migrator(11).run(&config).await.unwrap();
        client.batch_execute(&format!("UPDATE migrate_history_backfill SET {change}")).await.unwrap();
        let report = migrator(11).backfill_budget(Duration::from_secs(60)).run(&config).await.unwrap();
        assert!(report.is_noop());
        assert_eq!(waits(&report.notices).len(), 1);
        assert_eq!(one(&client, "SELECT sum(n) FROM users").await, "0", "{change}");
    }
}

#[tokio::test]
async fn a_backfill_that_stops_within_the_budget_does_not_stop_the_run() {
    let (database, client) = database().await;
    let config = database.config();
    migrator(11).run(&config).await.unwrap();
    client.batch_execute("ALTER TABLE users RENAME n TO m").await.unwrap();
    let report = migrator(11).backfill_budget(Duration::from_secs(60)).run(&config).await.unwrap();
    assert_eq!(
        waits(&report.notices),
        ["migration 00003_step waits for the backfill of 00002_step, which is stopped at 0 %"]
    );
}

#[tokio::test]
async fn a_batch_within_the_budget_is_limited_to_what_is_left_of_it() {
    let (database, client) = database().await;
    let create = "CREATE TABLE users (id bigint PRIMARY KEY, limit_ text); INSERT INTO users (id) SELECT generate_series(1, 11);";
    let fill = "-- migrate: batch=users(id) statement_timeout=1h\nUPDATE users SET limit_ = current_setting('statement_timeout') WHERE ${batch};";
    let scripts = [
        Scripts::up(1, create),
        Scripts::up(2, fill),
        Scripts::up(3, "-- migrate: after=00002\nALTER TABLE users ADD CHECK (limit_ IS NOT NULL);"),
    ];
    let migrator = Migrator::new(sets::set("limited", scripts)).inline_backfill_rows(10);
    let report = migrator.backfill_budget(Duration::from_secs(30)).run(&database.config()).await.unwrap();
    assert_eq!(report.steps.len(), 3, "{report}");
    assert_eq!(one(&client, "SELECT bool_and(limit_::interval <= '30 s') FROM users").await, "true");
}
