//! Repeatable migrations, and migrations that replace others, on a server.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Down, Error, MigrationStatus, Migrator, Refused, Report, Resolution, Set};
use migrate_tests::sets::folder_of;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

async fn text(database: &Database, sql: &str) -> String {
    let client = database.connect().await.unwrap();
    client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap().get(0)
}

async fn run(database: &Database, migrator: &Migrator) -> Vec<String> {
    let report = migrator.run(database.url()).await.unwrap();
    let again = migrator.run(database.url()).await.unwrap();
    assert!(again.is_noop(), "{again}");
    report.steps.iter().map(|step| step.name.clone()).collect()
}

const USERS: (&str, &str) = ("V1__users.sql", "CREATE TABLE users (id int, active bool);");
const UNDO: (&str, &str) = ("U1__users.sql", "DROP TABLE users;");
const POSTS: (&str, &str) = ("V2__posts.sql", "CREATE TABLE posts (id int);");

fn view(select: &str) -> String {
    format!("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS {select};\n")
}

#[tokio::test]
async fn a_changed_view_is_applied_again_and_the_history_has_both() {
    let database = database().await;
    let first = migrator(&[USERS, ("R__v.sql", &view("SELECT 1 AS n"))]);
    assert_eq!(run(&database, &first).await, ["V1__users", "R__v"]);

    let second = migrator(&[USERS, POSTS, ("R__v.sql", &view("SELECT 2 AS n"))]);
    let status = second.status(database.url()).await.unwrap();
    assert!(matches!(status.rows[2].state, MigrationStatus::Outdated { .. }), "{status}");
    assert_eq!(status.pending().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["V2__posts", "R__v"]);
    assert!(
        status.to_string().ends_with("R__v       changed since it was applied, to be applied again"),
        "{status}"
    );
    let plan = second.plan(database.url()).await.unwrap();
    let plan: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(plan, ["apply V2__posts", "apply R__v again"]);

    assert_eq!(run(&database, &second).await, ["V2__posts", "R__v"]);
    assert_eq!(text(&database, "SELECT n FROM v").await, "2");
    let history = second.history(database.url()).await.unwrap();
    let rows: Vec<_> = history.iter().map(|attempt| (attempt.name.as_str(), attempt.live)).collect();
    assert_eq!(rows, [("V1__users", true), ("R__v", false), ("V2__posts", true), ("R__v", true)]);
}

#[tokio::test]
async fn a_view_that_fails_leaves_the_one_before_it() {
    let database = database().await;
    run(&database, &migrator(&[USERS, ("R__v.sql", &view("SELECT 1 AS n"))])).await;
    let broken = migrator(&[USERS, ("R__v.sql", &view("SELECT nonsense AS n"))]);
    let Err(Error::Failed(failure)) = broken.run(database.url()).await else { panic!("it is applied") };
    assert_eq!(failure.place.unwrap().line, 2);
    assert_eq!(text(&database, "SELECT n FROM v").await, "1");
    let live = "SELECT string_agg(version, ' ' ORDER BY version) FROM migrate_history WHERE live";
    assert_eq!(text(&database, live).await, "1 R__v");
    assert_eq!(run(&database, &migrator(&[USERS, ("R__v.sql", &view("SELECT 3 AS n"))])).await, ["R__v"]);
}

#[tokio::test]
async fn a_repeatable_migration_may_run_statement_by_statement_and_goes_on_where_it_stopped() {
    let database = database().await;
    let index = |name: &str, last: &str| {
        format!(
            "DROP INDEX CONCURRENTLY IF EXISTS {name};\nCREATE INDEX CONCURRENTLY {name} ON users (id);\n{last};"
        )
    };
    let first = migrator(&[USERS, ("R__i.sql", &index("i", "SELECT 1"))]);
    run(&database, &first).await;
    let second = migrator(&[USERS, ("R__i.sql", &index("j", "SELECT missing FROM users"))]);
    assert!(matches!(second.run(database.url()).await, Err(Error::Failed(_))));
    let client = database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE users ADD COLUMN missing int").await.unwrap();
    assert_eq!(run(&database, &second).await, ["R__i"]);
    let live = "SELECT string_agg(version, ' ' ORDER BY version) FROM migrate_history WHERE live";
    assert_eq!(text(&database, live).await, "1 R__i");
}

#[tokio::test]
async fn a_revert_makes_a_repeatable_migration_pending_again() {
    let database = database().await;
    let view = view("SELECT id FROM users");
    let set = migrator(&[USERS, UNDO, ("R__v.sql", &view), ("R__v.down.sql", "DROP VIEW v;")]);
    run(&database, &set).await;
    set.down(database.url(), Down::all()).await.unwrap();
    assert_eq!(
        text(&database, "SELECT to_regclass('v') IS NULL AND to_regclass('users') IS NULL").await,
        "true"
    );
    assert_eq!(run(&database, &set).await, ["V1__users", "R__v"]);
}

const BOTH: (&str, &str) = (
    "V3__both.sql",
    "-- migrate: replaces=1..2\nCREATE TABLE users (id int, active bool);\nCREATE TABLE posts (id int);",
);
const TAGS: (&str, &str) = ("V4__tags.sql", "CREATE TABLE tags (id int);");

#[tokio::test]
async fn a_squash_is_run_on_a_fresh_database_and_marked_on_an_old_one() {
    let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    for files in [&[USERS, POSTS, BOTH, TAGS][..], &[BOTH, TAGS]] {
        let squashed = migrator(files);
        let fresh = database().await;
        assert_eq!(run(&fresh, &squashed).await, ["V3__both", "V4__tags"]);
        let old = database().await;
        run(&old, &migrator(&[USERS, POSTS])).await;
        assert_eq!(run(&old, &squashed).await, ["V3__both", "V4__tags"]);
        assert_eq!(text(&fresh, tables).await, text(&old, tables).await);
        let history = squashed.history(old.url()).await.unwrap();
        let live: Vec<_> =
            history.iter().filter(|attempt| attempt.live).map(|attempt| attempt.name.as_str()).collect();
        assert_eq!(live, ["V3__both", "V4__tags"]);
        // The previous release, with the files and without the squash, still boots.
        assert!(migrator(&[USERS, POSTS]).run(old.url()).await.unwrap().is_noop());
    }
}

#[tokio::test]
async fn a_database_in_the_midst_of_what_is_replaced_is_finished_or_refused() {
    let database = database().await;
    run(&database, &migrator(&[USERS])).await;
    let Err(Error::Refused(refused)) = migrator(&[BOTH, TAGS]).run(database.url()).await else {
        panic!("it ran")
    };
    assert!(matches!(&refused, Refused::PartlyReplaced { name, .. } if name == "V3__both"), "{refused}");
    let all = migrator(&[USERS, POSTS, BOTH, TAGS]);
    assert_eq!(run(&database, &all).await, ["V2__posts", "V3__both", "V4__tags"]);
}

/// Compares a report with the rows that count: their number, and the latest migration.
#[track_caller]
fn assert_true(report: &Report, applied: &[String], what: &str) {
    let versioned = applied.iter().rfind(|name| !name.starts_with('R'));
    let last = versioned.or(applied.last()).cloned();
    assert_eq!((report.applied, &report.last), (applied.len(), &last), "{what}: {report}");
    match last {
        Some(last) => assert!(report.to_string().contains(&format!("at {last} (")), "{what}: {report}"),
        None => assert!(report.to_string().contains("no migration is applied"), "{what}: {report}"),
    }
}

/// The names of the migrations that count as applied, in order.
async fn applied(database: &Database) -> Vec<String> {
    let sql = "SELECT name FROM migrate_history WHERE live AND outcome = 'done' AND action <> 'rewind' ORDER BY name";
    let rows = database.connect().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// After every action and outcome.
#[tokio::test]
async fn a_report_never_names_a_migration_as_the_last_that_is_not_applied() {
    const UNDO_POSTS: (&str, &str) = ("U2__posts.sql", "DROP TABLE posts;");
    const VIEWS: (&str, &str) = ("R__views.sql", "SELECT 1;");
    const HALF: (&str, &str) = (
        "V3__half.sql",
        "CREATE INDEX CONCURRENTLY i ON users (id); CREATE INDEX CONCURRENTLY j ON posts (nope);",
    );
    const HALF_DOWN: (&str, &str) =
        ("U1__users.sql", "DROP INDEX CONCURRENTLY IF EXISTS i; DROP INDEX CONCURRENTLY nope;");
    let (database, both) = (database().await, [USERS, UNDO, POSTS, UNDO_POSTS]);
    let url = database.url();
    let view_only = migrator(&[VIEWS]);
    let two = migrator(&[both[0], both[1], both[2], both[3], VIEWS]);
    let edited = migrator(&[USERS, UNDO, POSTS, UNDO_POSTS, ("R__views.sql", "SELECT 2;")]);
    let failing = migrator(&[USERS, UNDO, POSTS, UNDO_POSTS, VIEWS, ("V3__no.sql", "SELECT nope;")]);
    let half = migrator(&[USERS, UNDO, POSTS, UNDO_POSTS, VIEWS, HALF]);
    let undone = migrator(&[USERS, HALF_DOWN, POSTS, UNDO_POSTS, VIEWS]);
    let squashed = migrator(&[BOTH, VIEWS]);
    let older = migrator(&[USERS, UNDO]);
    let holed = migrator(&[USERS, TAGS]);
    let filled = migrator(&[USERS, POSTS, TAGS]).allow_out_of_order(true);
    let failed = |outcome: Result<Report, Error>| match outcome {
        Err(Error::Failed(failure)) => failure.report,
        outcome => panic!("{outcome:?}"),
    };
    assert_true(&view_only.run(url).await.unwrap(), &applied(&database).await, "a repeatable alone");
    assert_true(&two.run(url).await.unwrap(), &applied(&database).await, "up");
    assert_true(&two.run(url).await.unwrap(), &applied(&database).await, "nothing to do");
    assert_true(&older.run(url).await.unwrap(), &applied(&database).await, "an older release");
    assert_true(&edited.run(url).await.unwrap(), &applied(&database).await, "a repeatable again");
    assert_true(&two.redo(url, 2).await.unwrap(), &applied(&database).await, "redo");
    assert_true(&two.to(url, "1").await.unwrap(), &applied(&database).await, "down to");
    assert_true(&two.down(url, Down::all()).await.unwrap(), &applied(&database).await, "down");
    assert_true(&two.down(url, Down::all()).await.unwrap(), &applied(&database).await, "down of nothing");
    assert_true(&two.clone().up_to("1").run(url).await.unwrap(), &applied(&database).await, "a target");
    assert_true(&failed(failing.run(url).await), &applied(&database).await, "a failure");
    assert_true(&failed(half.run(url).await), &applied(&database).await, "between its statements");
    assert_true(
        &half.resolve(url, "3", Resolution::ResumeAt(2), "a try").await.unwrap(),
        &applied(&database).await,
        "to go on",
    );
    assert_true(&failed(half.run(url).await), &applied(&database).await, "again");
    database.connect().await.unwrap().batch_execute("DROP INDEX i").await.unwrap();
    assert_true(
        &half.resolve(url, "3", Resolution::Reverted, "dropped").await.unwrap(),
        &applied(&database).await,
        "not applied",
    );
    assert_true(&failed(undone.down(url, Down::all()).await), &applied(&database).await, "a failed down");
    assert_true(
        &undone.resolve(url, "1", Resolution::Reverted, "dropped").await.unwrap(),
        &applied(&database).await,
        "reverted",
    );
    assert_true(
        &two.resolve(url, "1", Resolution::Applied, "made").await.unwrap(),
        &applied(&database).await,
        "applied by hand",
    );
    assert_true(
        &two.resolve(url, "2", Resolution::Applied, "made").await.unwrap(),
        &applied(&database).await,
        "the rest",
    );
    assert_true(&squashed.run(url).await.unwrap(), &applied(&database).await, "a squash");
    assert_true(&squashed.run(url).await.unwrap(), &applied(&database).await, "a squash again");
    assert_true(
        &two.clone().resolve(url, "3", Resolution::Reverted, "a try").await.unwrap(),
        &applied(&database).await,
        "before the squash",
    );
    let database = self::database().await;
    assert_true(&two.baseline(database.url(), "2").await.unwrap(), &applied(&database).await, "baseline");
    let database = self::database().await;
    let url = database.url();
    assert_true(&holed.run(url).await.unwrap(), &applied(&database).await, "without the second");
    assert_true(&filled.run(url).await.unwrap(), &applied(&database).await, "out of order");
    // Its newer migrations were applied in an order other than that of their versions.
    assert_true(&older.run(url).await.unwrap(), &applied(&database).await, "an older release");
}
