//! Slow migrations and runs: they are reported, and ended at their limits.

use super::{Heard, database, keeper, listening, migrator, until};
use migrate_postgres::advice::{Cause, Words};
use migrate_postgres::testing::{Database, Server};
use migrate_postgres::{AttemptOutcome, Error, Migrator, Report, Target};
use migrate_postgres::{Failure, Left};
use migrate_tests::pgbouncer::PgBouncer;
use std::time::Duration;

const SLOW: Duration = Duration::from_millis(700);
const LIMIT: Duration = Duration::from_millis(700);

/// A script of short sleeps that takes more than two seconds in all.
fn sleeps(header: &str) -> String {
    format!("{header}\nCREATE TABLE slept ();\n{}", "SELECT pg_sleep(0.3);\n".repeat(8))
}

/// The activities that were reported as slow.
async fn told_as_slow(migrator: Migrator, database: &Database) -> Vec<String> {
    let (migrator, mut events) = listening(migrator.slow_after(SLOW));
    migrator.run(database.url()).await.unwrap();
    let all = until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await;
    let slow = |heard| if let Heard::Slow { at, .. } = heard { Some(at) } else { None };
    let mut slow: Vec<String> = all.into_iter().filter_map(slow).collect();
    slow.dedup();
    slow
}

#[tokio::test]
async fn a_migration_of_short_statements_is_told_of_when_it_takes_long_itself() {
    for header in ["", "-- migrate: transaction=none"] {
        let files = [("1_a.sql", &*sleeps(header))];
        let slow = told_as_slow(migrator(&files), &database().await).await;
        // On a busy machine, other activities are slow, too.
        assert!(slow.iter().any(|what| what == "the whole migration, apply 1_a"), "{header}: {slow:?}");
    }
}

#[tokio::test]
async fn a_run_of_short_migrations_is_told_of_when_it_takes_long_itself() {
    let names: Vec<String> = (1..=6).map(|number| format!("{number}_m.sql")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "SELECT pg_sleep(0.3);")).collect();
    let slow = told_as_slow(migrator(&files), &database().await).await;
    assert!(slow.iter().any(|what| what == "the whole run"), "{slow:?}");
}

async fn failure<T: Target + ?Sized>(migrator: &Migrator, target: &T) -> Failure {
    match migrator.run(target).await {
        Err(Error::Failed(failure)) => *failure,
        other => panic!("not a failure: {other:?}"),
    }
}

async fn is_there(database: &Database, table: &str) -> bool {
    let client = database.connect().await.unwrap();
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.unwrap().get(0)
}

/// The message of the last attempt, if it failed.
async fn last_message(migrator: &Migrator, database: &Database) -> String {
    match migrator.history(database.url()).await.unwrap().pop().unwrap().outcome {
        AttemptOutcome::Failed { message, .. } => message,
        outcome => panic!("{outcome}"),
    }
}

async fn a_migration_ends_at_its_limit<T: Target + ?Sized>(database: &Database, target: &T) {
    let files =
        [("1_a.sql", "CREATE TABLE a ();"), ("2_b.sql", &*sleeps("")), ("3_c.sql", "CREATE TABLE c ();")];
    for is_observed in [false, true] {
        let mut limited = migrator(&files).migration_limit(LIMIT);
        if is_observed {
            limited = limited.on_event(|_| {});
        }
        let failure = failure(&limited, target).await;
        assert_eq!(
            (failure.name.as_str(), failure.cause, &failure.left),
            ("2_b", Some(Cause::MigrationLimit), &Left::Nothing)
        );
        let statement = failure.place.as_ref().unwrap().statement;
        assert!((3..9).contains(&statement), "{failure}");
        let text = failure.to_string();
        assert!(
            text.contains(": the migration took longer than its limit of 700ms (SQLSTATE 57014)"),
            "{text}"
        );
        assert!(text.contains("\ndatabase: 2_b left nothing behind"), "{text}");
        assert!(text.contains("\nnext: allow the migration more time (`migration_limit`), or split it into several, and run again"), "{text}");
        assert!(
            failure
                .advice()
                .text(Words::CommandLine)
                .starts_with("allow the migration more time (`--migration-limit`)")
        );
        assert!(is_there(database, "a").await && !is_there(database, "slept").await);
        assert_eq!(
            last_message(&limited, database).await,
            "the migration took longer than its limit of 700ms"
        );
    }
    assert_eq!(migrator(&files).run(target).await.unwrap().steps.len(), 2);
}

#[tokio::test]
async fn a_migration_that_takes_longer_than_its_limit_is_rolled_back() {
    let database = database().await;
    a_migration_ends_at_its_limit(&database, database.url()).await;
}

#[tokio::test]
async fn so_it_is_over_a_single_client() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    a_migration_ends_at_its_limit(&database, &client).await;
}

#[tokio::test]
async fn so_it_is_through_a_pooler() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let Some(bouncer) = PgBouncer::start(&server, 5).await else { return };
    a_migration_ends_at_its_limit(&database, bouncer.url(database.name()).as_str()).await;
}

#[tokio::test]
async fn a_run_that_takes_longer_than_its_limit_ends_with_the_migrations_before() {
    let names: Vec<String> = (1..=9).map(|number| format!("{number}_m.sql")).collect();
    let texts: Vec<String> =
        (1..=9).map(|number| format!("CREATE TABLE t{number} (); SELECT pg_sleep(0.3);")).collect();
    let files: Vec<(&str, &str)> = names.iter().zip(&texts).map(|(name, text)| (&**name, &**text)).collect();
    let database = database().await;
    let limited = migrator(&files).run_limit(LIMIT).migration_limit(Duration::from_secs(60));
    let failure = failure(&limited, database.url()).await;
    assert_eq!((failure.cause, &failure.left), (Some(Cause::RunLimit), &Left::Nothing));
    let done = failure.report.steps.len();
    assert!((1..8).contains(&done), "{failure}");
    assert!(is_there(&database, &format!("t{done}")).await);
    assert!(!is_there(&database, &format!("t{}", done + 1)).await);
    let text = failure.to_string();
    assert!(text.contains(": the run took longer than its limit of 700ms"), "{text}");
    assert!(text.contains("\nnext: allow the run more time (`run_limit`), and run again"), "{text}");
    assert_eq!(last_message(&limited, &database).await, "the run took longer than its limit of 700ms");
    assert_eq!(migrator(&files).run(database.url()).await.unwrap().steps.len(), 9 - done);
}

/// A statement too short to reach a timer is not started once the time is over.
#[tokio::test]
async fn no_statement_is_begun_behind_the_limit() {
    let database = database().await;
    let script = format!("{} CREATE TABLE late ();", "SELECT pg_sleep(0.01);".repeat(30));
    let limited = migrator(&[("1_a.sql", &script)]).migration_limit(Duration::from_millis(100));
    let failure = failure(&limited, database.url()).await;
    assert_eq!(failure.cause, Some(Cause::MigrationLimit));
    assert!(!is_there(&database, "late").await);
}

#[tokio::test]
async fn a_migration_that_runs_statement_by_statement_stands_at_its_checkpoint() {
    let database = database().await;
    let files = [("1_a.sql", &*sleeps("-- migrate: transaction=none"))];
    let limited = migrator(&files).migration_limit(LIMIT);
    let failed = failure(&limited, database.url()).await;
    assert_eq!(failed.cause, Some(Cause::MigrationLimit));
    let Left::Statements { done, total: 9 } = failed.left else { panic!("{failed}") };
    assert!((2..9).contains(&done), "{failed}");
    assert!(is_there(&database, "slept").await);
    assert!(failed.to_string().contains("; the run resumes at this statement"), "{failed}");
    assert_eq!(migrator(&files).run(database.url()).await.unwrap().steps.len(), 1);
}

/// Limits that are reached in other ways: by a single statement, under the script's own modes or timeouts,
/// and by work outside the script.
#[tokio::test]
async fn a_limit_reaches_every_kind_of_script() {
    let long = "SELECT pg_sleep(60)";
    for (up, verify) in [
        (format!("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {long}"), None),
        (format!("BEGIN; {long}; COMMIT;"), None),
        (format!("BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 1; {long}; COMMIT;"), None),
        (format!("SET statement_timeout = 0; SELECT 1; {long}"), None),
        (format!("-- migrate: transaction=none\nSET statement_timeout = 0; SELECT 1; {long}; VACUUM"), None),
        ("DO $$ BEGIN PERFORM pg_sleep(60); END $$".to_owned(), None),
        ("-- migrate: transaction=none\nSELECT 1; DO $$ BEGIN PERFORM pg_sleep(60); END $$".to_owned(), None),
        (
            "CREATE TABLE d (id int);
             CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT ON d DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
             INSERT INTO d VALUES (1);"
                .to_owned(),
            None,
        ),
        ("SELECT 1".to_owned(), Some("SELECT true FROM pg_sleep(60)")),
        ("SELECT 1; VACUUM;".to_owned(), Some("SELECT true FROM pg_sleep(60)")),
    ] {
        let files: Vec<(&str, &str)> =
            [("1_a.up.sql", &*up)].into_iter().chain(verify.map(|verify| ("1_a.verify.sql", verify))).collect();
        for (limited, cause) in [
            (migrator(&files).migration_limit(LIMIT), Cause::MigrationLimit),
            (migrator(&files).run_limit(LIMIT).migration_limit(LIMIT * 50), Cause::RunLimit),
        ] {
            let database = database().await;
            let failure = failure(&limited, database.url()).await;
            assert_eq!(failure.cause, Some(cause), "{up}: {failure}");
        }
    }
}

/// A timeout that comes before the limit, set by the script or for all scripts, does not count as the limit.
#[tokio::test]
async fn a_timeout_is_told_from_a_limit() {
    let advice = "allow the statement more time (`-- migrate: statement_timeout=…` at the top of its script)";
    for script in [
        "-- migrate: statement_timeout=200ms\nSELECT 1; SELECT pg_sleep(60);",
        "SET LOCAL statement_timeout = '200ms'; SELECT pg_sleep(60);",
        "-- migrate: statement_timeout=200ms transaction=none\nSELECT 1; SELECT pg_sleep(60);",
    ] {
        for limit in [None, Some(Duration::from_secs(30))] {
            let database = database().await;
            let migrator = migrator(&[("1_a.sql", script)]).migration_limit(limit).run_limit(limit);
            let failure = failure(&migrator, database.url()).await;
            assert_eq!(failure.cause, Some(Cause::StatementTimeout), "{script}: {failure}");
            assert!(failure.to_string().contains(advice), "{failure}");
        }
    }
}

async fn cancel(database: &Database) {
    let client = database.connect().await.unwrap();
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                  AND datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'";
    while client.query_one(cancel, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cancel_of_another_session_is_told_from_a_timeout_and_from_a_limit() {
    let long = Duration::from_secs(50);
    for script in ["SELECT pg_sleep(61);", "-- migrate: transaction=none\nSELECT pg_sleep(61); SELECT 1;"] {
        let plain = migrator(&[("1_a.sql", script)]);
        let limited = plain.clone().migration_limit(long).run_limit(long).statement_timeout(long);
        for migrator in [plain, limited] {
            let database = database().await;
            let (failure, ()) = tokio::join!(failure(&migrator, database.url()), cancel(&database));
            assert_eq!(failure.cause, Some(Cause::Canceled), "{failure}");
            assert!(
                failure.to_string().contains("\nnext: find out who called pg_cancel_backend"),
                "{failure}"
            );
        }
    }
}

/// A limit leaves no time for retries, and the error names both the blocking session and the limit.
#[tokio::test]
async fn a_run_that_waits_for_a_table_ends_at_its_limit() {
    let database = database().await;
    database.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
    let _keeper = keeper(&database).await;
    let waiting = migrator(&[("1_t.sql", "ALTER TABLE t ADD c int;")])
        .lock_timeout(Duration::from_millis(100))
        .run_limit(Duration::from_secs(1));
    let failure = failure(&waiting, database.url()).await;
    assert_eq!(failure.cause, Some(Cause::RunLimit), "{failure}");
    let text = failure.to_string();
    assert!(
        text.contains("the run's limit of 1s leaves no time to try again")
            || text.contains("took longer than its limit"),
        "{text}"
    );
    assert!(text.contains("\nnext: allow the run more time (`run_limit`)"), "{text}");
}

/// Without limits, no messages are sent for them.
#[tokio::test]
async fn without_a_limit_none_is_sent_and_with_one_it_costs_no_round_trip() {
    use migrate_tests::proxy::Proxy;
    let files = [("1_a.sql", "SELECT 1; SELECT 2;"), ("2_b.sql", "SELECT 3;")];
    for limit in [None, Some(Duration::from_secs(60))] {
        let database = database().await;
        let proxy = Proxy::start(&database.config()).await;
        let limited = migrator(&files).migration_limit(limit).run_limit(limit);
        let report: Report = limited.run(proxy.url().as_str()).await.unwrap();
        assert_eq!(report.steps.len(), 2);
        let connections = proxy.connections();
        let trips: Vec<usize> = connections.iter().map(|connection| connection.round_trips).collect();
        assert_eq!(trips, [3, 1]);
        let has_limit =
            connections.iter().flat_map(|connection| connection.sql()).any(|sql| sql.contains("left_over"));
        assert_eq!(has_limit, limit.is_some());
    }
}
