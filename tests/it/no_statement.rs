//! Scripts of comments, which do nothing: they are applied, reverted, verified and recorded like all others.

use migrate_core::plan::Down;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::tools::{self, ForeignTable};
use migrate_postgres::{Action, AttemptOutcome, Migrator, Set, migrate};
use migrate_tests::proxy::{Cut, Point, Proxy, Side, When};
use migrate_tests::sets::folder_of;

/// As in pocket-id, for a database that needs no change: without a line feed at the end.
const NO_OP: &str = "-- No-op on Postgres";
/// The same in a script that runs statement by statement.
const NO_OP_ALONE: &str = "-- migrate: transaction=none\n/* No-op; */ ; -- on Postgres";

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// A migration that does nothing in either direction, with a verify script that does nothing.
fn no_op(script: &str) -> Migrator {
    migrator(&[("1_none.up.sql", script), ("1_none.down.sql", script), ("1_none.verify.sql", NO_OP)])
}

/// The same among others, in pairs.
fn amid_others(script: &str) -> Migrator {
    migrator(&[
        ("1_users.up.sql", "CREATE TABLE users ()"),
        ("1_users.down.sql", "DROP TABLE users"),
        ("2_none.up.sql", script),
        ("2_none.down.sql", script),
        ("2_none.verify.sql", "-- nothing to look at"),
        ("3_none.up.sql", script),
        ("3_none.down.sql", script),
        ("3_none.verify.sql", "SELECT to_regclass('users') IS NOT NULL"),
        ("4_posts.up.sql", "CREATE TABLE posts ()"),
        ("4_posts.down.sql", "DROP TABLE posts"),
    ])
}

/// The history's rows: action, outcome, number of statements, and if the row counts.
async fn history(database: &Database) -> Vec<(String, String, i32, bool)> {
    let client = database.connect().await.unwrap();
    let sql = "SELECT action, outcome, statements, live FROM migrate_history ORDER BY seq";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test]
async fn a_migration_that_does_nothing_is_planned_applied_and_reverted() {
    for script in [NO_OP, NO_OP_ALONE] {
        let (database, migrator) = (database().await, no_op(script));
        assert_eq!(migrator.plan(database.url()).await.unwrap().steps.len(), 1);
        assert_eq!(migrator.status(database.url()).await.unwrap().pending().count(), 1);

        let report = migrator.run(database.url()).await.unwrap();
        assert_eq!((report.steps[0].action, report.steps[0].statements), (Action::Apply, 0), "{report}");
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
        assert_eq!(migrator.status(database.url()).await.unwrap().pending().count(), 0);
        assert_eq!(migrator.verify(database.url()).await.unwrap(), 1);

        let report = migrator.down(database.url(), 1).await.unwrap();
        assert_eq!((report.steps[0].action, report.steps[0].statements), (Action::Revert, 0), "{report}");
        let row = |action: &str, live| (action.to_owned(), "done".to_owned(), 0, live);
        assert_eq!(history(&database).await, [row("apply", false), row("revert", false)], "{script}");
        assert_eq!(migrator.plan(database.url()).await.unwrap().steps.len(), 1);
    }
}

#[tokio::test]
async fn among_others_it_is_one_of_them() {
    for script in [NO_OP, NO_OP_ALONE] {
        let (database, migrator) = (database().await, amid_others(script));
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 4);
        let attempts = migrator.history(database.url()).await.unwrap();
        assert!(
            attempts.iter().all(|attempt| attempt.live && attempt.outcome == AttemptOutcome::Done),
            "{attempts:?}"
        );
        assert_eq!(migrator.verify(database.url()).await.unwrap(), 2);
        assert_eq!(migrator.redo(database.url(), 3).await.unwrap().steps.len(), 6);
        assert_eq!(migrator.run_plan(database.url(), &Down::all()).await.unwrap().steps.len(), 4);
        let client = database.connect().await.unwrap();
        let row =
            client.query_one("SELECT to_regclass('users') IS NULL AND to_regclass('posts') IS NULL", &[]);
        assert!(row.await.unwrap().get::<_, bool>(0));
    }
}

#[tokio::test]
async fn it_may_be_compiled_into_the_program() {
    let (database, migrator) = (database().await, migrate!("fixtures/no_statement"));
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
    assert_eq!(migrator.down(database.url(), 1).await.unwrap().steps.len(), 1);
    assert_eq!(history(&database).await.len(), 2);
}

/// Statement numbers in a message continue from script to script, but a failure must give the number within
/// its own script.
#[tokio::test]
async fn a_failure_beside_it_has_its_own_place() {
    let files =
        [("1_none.sql", NO_OP), ("2_bad.sql", "-- two\nSELECT 1;\nSELECT nope;"), ("3_none.sql", NO_OP)];
    let database = database().await;
    let failed = migrator(&files).run(database.url()).await.unwrap_err().to_string();
    assert!(failed.contains("2_bad.sql:3:8"), "{failed}");
    assert!(failed.contains("statement 2 of 2"), "{failed}");
    let refuted = [("1_none.sql", NO_OP), ("1_none.verify.sql", "-- first\nSELECT false;")];
    let failed = migrator(&refuted).run(self::database().await.url()).await.unwrap_err().to_string();
    assert!(failed.contains("1_none.verify.sql:2:1"), "{failed}");
}

#[tokio::test]
async fn the_tables_of_other_tools_keep_it_too() {
    type Case = (fn() -> ForeignTable, fn(&str) -> Migrator);
    let folders = |script: &str| migrator(&[("1_none/up.sql", script), ("1_none/down.sql", script)]);
    let prisma = |script: &str| migrator(&[("1_none/migration.sql", script), ("1_none/down.sql", script)]);
    let refinery = |script: &str| migrator(&[("V1__none.sql", script), ("V2__none.sql", script)]);
    let cases: [Case; 4] = [
        (tools::sqlx, no_op),
        (tools::diesel, folders),
        (tools::prisma, prisma),
        (tools::refinery, refinery),
    ];
    for (kept, migrator) in cases {
        for script in [NO_OP, NO_OP_ALONE] {
            let (database, migrator) = (database().await, migrator(script).foreign_history(kept()));
            assert!(!migrator.run(database.url()).await.unwrap().is_noop());
            assert!(migrator.run(database.url()).await.unwrap().is_noop());
            assert!(migrator.position(database.url()).await.unwrap().is_up_to_date());
        }
    }
}

/// A run is cut off after each of its messages in turn.
#[tokio::test]
async fn a_run_that_was_cut_off_at_it_is_gone_on_with() {
    for script in [NO_OP, NO_OP_ALONE] {
        let mut cuts = 0;
        for (when, message) in (1..20).flat_map(|k| [(When::BeforeForwarding, k), (When::AfterForwarding, k)])
        {
            let (database, migrator) = (database().await, amid_others(script));
            let proxy = Proxy::start(&database.config()).await;
            // The first connection works, and holds the lock.
            let client = proxy.config().connect(tokio_postgres::NoTls).await;
            proxy.cut(Cut { at: Point::of(0, Side::Client, message), when });
            let Ok((client, connection)) = client else { continue };
            tokio::spawn(connection);
            let first = migrator.run(&client).await;
            if !proxy.is_struck() {
                assert!(first.is_ok(), "{first:?}");
                break;
            }
            cuts += 1;
            migrator.run(database.url()).await.unwrap_or_else(|error| panic!("{when:?} {message}: {error}"));
            let live = history(&database).await.iter().filter(|(_, _, _, live)| *live).count();
            assert_eq!(live, 4, "{when:?} {message}");
        }
        assert!(cuts >= 4, "{cuts}");
    }
}
