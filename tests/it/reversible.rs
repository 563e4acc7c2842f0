//! Round-trip tests of sets that are reversible, and of sets that only seem so.

use migrate_postgres::testing::{
    self, Irreversible, Reversible, ReversibleProblem, RoundTrip, assert_reversible,
};
use migrate_postgres::{Migrator, Set, tools};
use migrate_tests::sets::{Scripts, folder_of, set, tables};

fn scripts(scripts: &[(&str, &str)]) -> Set {
    let scripts = scripts.iter().enumerate().map(|(index, (up, down))| {
        let scripts = Scripts::up(index + 1, *up);
        if down.is_empty() { scripts } else { scripts.down(*down) }
    });
    set("reversible", scripts)
}

async fn check(round_trip: impl Into<RoundTrip>) -> Reversible {
    let database = testing::server().unwrap().database().await.unwrap();
    let report = round_trip.into().check(database.url()).await.unwrap();
    database.close().await.unwrap();
    report
}

/// The panic message of the assertion.
async fn panic_of(round_trip: impl Into<RoundTrip> + Send + 'static) -> String {
    let round_trip = round_trip.into();
    let panic =
        tokio::spawn(async move { assert_reversible(round_trip).await }).await.unwrap_err().into_panic();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn a_set_whose_downs_undo_its_ups_is_reversible() {
    assert_reversible(tables(3)).await;
    let all_sorts = scripts(&[
        (
            "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (id serial PRIMARY KEY, m mood, x int, y text);",
            "DROP TABLE t; DROP TYPE mood;",
        ),
        ("CREATE INDEX CONCURRENTLY i ON t (x);", "DROP INDEX CONCURRENTLY i;"),
        ("CREATE SCHEMA s; CREATE VIEW s.v AS SELECT x FROM public.t;", "DROP SCHEMA s CASCADE;"),
        // A recreated column is the last one; PostgreSQL offers no other way.
        (
            "ALTER TABLE t DROP m; DROP TYPE mood;",
            "CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE t ADD m mood;",
        ),
        ("GRANT SELECT ON t TO PUBLIC;", "REVOKE SELECT ON t FROM PUBLIC;"),
        (
            "CREATE EXTENSION hstore; COMMENT ON TABLE t IS 'a';",
            "DROP EXTENSION hstore; COMMENT ON TABLE t IS NULL;",
        ),
    ]);
    let migrator = Migrator::new(all_sorts).history_schema("ops").history_table("done");
    let report = check(migrator).await;
    assert_eq!(report.to_string(), "6 migrations can be reverted and applied again");
    assert!(report.is_reversible());
}

#[tokio::test]
async fn scripts_with_transactions_of_their_own_are_tried_as_they_are_run() {
    let report = check(scripts(&[
        ("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood);", "DROP TABLE t; DROP TYPE mood;"),
        (
            "ALTER TYPE mood ADD VALUE 'glad'; COMMIT; CREATE TABLE u (m mood DEFAULT 'glad');",
            "BEGIN; DROP TABLE u; ALTER TABLE t ALTER m TYPE text; COMMIT; DROP TYPE mood; COMMIT;
             CREATE TYPE mood AS ENUM ('sad'); COMMIT; ALTER TABLE t ALTER m TYPE mood USING m::mood;",
        ),
        (
            "BEGIN READ ONLY; SELECT * FROM t; COMMIT; CREATE TABLE v ();",
            "BEGIN; DROP TABLE t; ROLLBACK; BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; DROP TABLE v; COMMIT;",
        ),
        ("BEGIN; DROP TABLE t; ROLLBACK;", "BEGIN READ ONLY; SELECT * FROM t; COMMIT;"),
        (
            "CREATE INDEX CONCURRENTLY i ON t (m); BEGIN; CREATE TABLE w (); COMMIT;",
            "BEGIN; DROP TABLE w; COMMIT; DROP INDEX CONCURRENTLY i;",
        ),
    ]))
    .await;
    assert_eq!(report.to_string(), "5 migrations can be reverted and applied again");
}

#[tokio::test]
async fn a_down_that_forgets_an_index_is_named_with_the_index() {
    let forgets = scripts(&[
        ("CREATE TABLE users (id int);", "DROP TABLE users;"),
        ("CREATE INDEX IF NOT EXISTS by_id ON users (id);", "SELECT 1;"),
    ]);
    let text = panic_of(forgets).await;
    assert_eq!(
        text,
        "the set is not reversible\n\
         00002_step is not undone by its down script, which leaves, compared with before:\n  \
           index public.by_id: added\n    \
             +CREATE INDEX by_id ON public.users USING btree (id)"
    );
}

/// Each of these migrations fails in a different way.
fn troubled() -> Set {
    scripts(&[
        ("CREATE TABLE users (id int);", "DROP TABLE users;"),
        // The type is left behind, so it can't be created again.
        ("CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE users ADD m mood;", "ALTER TABLE users DROP m;"),
        ("CREATE TABLE a ();", "DROP TABLE a; DROP TABLE nothing;"),
        // Its committed effects are undone when it fails.
        (
            "CREATE INDEX CONCURRENTLY i ON users (id);",
            "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY j;",
        ),
        ("CREATE TABLE b ();", ""),
        ("CREATE INDEX k ON users (id); ALTER TABLE users ADD x int;", "ALTER TABLE users DROP x;"),
        (
            "CREATE TABLE c (); DROP INDEX i, k;",
            "DROP TABLE c; CREATE INDEX i ON users (id); CREATE INDEX k ON users (id);",
        ),
    ])
}

#[tokio::test]
async fn all_that_goes_wrong_is_named_and_nothing_ends_the_test() {
    let report = check(troubled()).await;
    assert_eq!((report.migrations.len(), report.not_tried), (7, 0), "{report}");
    let kind = |problem: &ReversibleProblem| match problem {
        ReversibleProblem::NoDown => "no down",
        ReversibleProblem::Down { .. } => "down",
        ReversibleProblem::Left { .. } => "left",
        ReversibleProblem::UpAgain { .. } => "up again",
        _ => "other",
    };
    let found: Vec<Vec<&str>> =
        report.migrations.iter().map(|tried| tried.problems.iter().map(kind).collect()).collect();
    let expected: [&[&str]; 7] =
        [&[], &["left", "up again"], &["down"], &["down"], &["no down"], &["left", "up again"], &[]];
    assert_eq!(found, expected, "{report}");
    let text = panic_of(troubled()).await;
    for part in [
        "00002_step is not undone by its down script, which leaves, compared with before:\n  type public.mood: added",
        "00002_step can't be applied again after its down script: migration 00002_step failed at 00002_step.up.sql:1:",
        "type \"mood\" already exists",
        "00003_step has a down script that fails: migration 00003_step could not be reverted at 00003_step.down.sql:1:",
        "table \"nothing\" does not exist",
        "\n  next: correct it, or allow it to fail with `allow_irreversible`",
        "00005_step has no down script",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // The advice of a run would be about a database that no longer exists.
    for advice in ["run again", "revert again", "database: "] {
        assert!(!text.contains(advice), "{advice} in\n{text}");
    }
}

#[tokio::test]
async fn a_down_that_is_to_fail_may_fail() {
    let raises = || {
        scripts(&[
            ("CREATE TABLE t ();", "DO $$ BEGIN RAISE EXCEPTION 'there is no way back'; END $$;"),
            ("CREATE TABLE u ();", "DROP TABLE u;"),
            ("CREATE TABLE v ();", ""),
        ])
    };
    let trip = |names: &[&str]| {
        names.iter().fold(RoundTrip::of(Migrator::new(raises())), |trip, name| trip.allow_irreversible(*name))
    };
    let report = check(trip(&["1", "00003_step"])).await;
    assert!(report.is_reversible(), "{report}");
    let [first, second, third] = &*report.migrations else { panic!("{report:?}") };
    assert!(
        matches!(&first.irreversible, Some(Irreversible::DownFails { error }) if error.to_string().contains("no way back"))
    );
    assert!(second.irreversible.is_none());
    assert!(matches!(third.irreversible, Some(Irreversible::NoDown)));
    let report = check(trip(&["3"])).await;
    assert!(matches!(&*report.migrations[0].problems, [ReversibleProblem::Down { .. }]), "{report}");
}

#[tokio::test]
async fn a_trial_may_begin_with_any_migration() {
    let from = |first: &str| RoundTrip::of(Migrator::new(troubled())).starting_at(first.to_owned());
    for first in ["7", "00007", "00007_step"] {
        let report = check(from(first)).await;
        assert!(report.is_reversible(), "{report}");
        assert_eq!(report.migrations.len(), 1);
    }
    assert_eq!(check(from("4")).await.migrations.len(), 4);
    let database = testing::server().unwrap().database().await.unwrap();
    let error = from("8").check(database.url()).await.unwrap_err().to_string();
    assert!(error.contains("there is no migration 8: the last is 00007_step"), "{error}");
}

#[tokio::test]
async fn a_database_that_was_not_empty_is_never_emptied() {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE precious AS SELECT 1 AS id").await.unwrap();
    let report = RoundTrip::of(Migrator::new(troubled())).check(database.url()).await.unwrap();
    assert_eq!((report.migrations.len(), report.not_tried), (2, 5), "{report}");
    let left: i32 = client.query_one("SELECT id FROM precious", &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
}

#[tokio::test]
async fn an_up_that_makes_something_else_the_second_time_is_named() {
    let other = scripts(&[(
        "CREATE TABLE IF NOT EXISTS seen (); CREATE TABLE t (id int); \
         DO $$ BEGIN IF (SELECT count(*) FROM pg_class WHERE relname = 'mark') = 1 THEN ALTER TABLE t ADD again int; END IF; END $$;",
        "DROP TABLE t; CREATE TABLE mark ();",
    )]);
    let report = check(other).await;
    assert_eq!(report.migrations[0].problems.len(), 2, "{report}");
    let ReversibleProblem::Other { differences } = &report.migrations[0].problems[1] else {
        panic!("{report}")
    };
    let seen: Vec<String> = differences.iter().map(|one| format!("{}: {}", one.object, one.change)).collect();
    assert_eq!(seen, ["table public.mark: added", "column public.t.again: added"]);
}

#[tokio::test]
async fn a_missing_down_is_named_unless_it_is_allowed() {
    let missing =
        || scripts(&[("CREATE TABLE t (id int);", ""), ("CREATE TABLE u (id int);", "DROP TABLE u;")]);
    let text = panic_of(missing()).await;
    assert!(text.contains("00001_step has no down script\n  next: write one, or allow it"), "{text}");
    for name in ["00001_step", "00001", "1"] {
        assert_reversible(RoundTrip::of(Migrator::new(missing())).allow_irreversible(name)).await;
    }
    let text = panic_of(RoundTrip::of(Migrator::new(missing())).allow_irreversible("2")).await;
    assert!(text.contains("00001_step has no down script"), "{text}");
}

#[tokio::test]
async fn a_down_that_fails_and_an_up_that_fails_are_named() {
    let report = check(scripts(&[("CREATE TABLE t (id int);", "DROP TABLE nothing;")])).await;
    assert!(matches!(&*report.migrations[0].problems, [ReversibleProblem::Down { .. }]), "{report}");
    assert!(report.to_string().contains("table \"nothing\" does not exist"), "{report}");
    let report = check(scripts(&[("SELECT 1/0;", "SELECT 1;"), ("SELECT 1;", "SELECT 1;")])).await;
    assert!(matches!(&*report.migrations[0].problems, [ReversibleProblem::Up { .. }]), "{report}");
    assert!(!report.is_reversible());
    assert_eq!(report.not_tried, 1);
}

#[tokio::test]
async fn what_is_ignored_may_stay() {
    let leaves =
        scripts(&[("CREATE TABLE IF NOT EXISTS tmp_a (id int); CREATE TABLE b ();", "DROP TABLE b;")]);
    assert!(!check(leaves.clone()).await.is_reversible());
    assert_reversible(RoundTrip::of(Migrator::new(leaves)).ignore("public.tmp_*".parse().unwrap())).await;
}

#[tokio::test]
async fn repeatable_migrations_are_applied_in_the_end_and_have_no_way_back() {
    let folder = |view| {
        let files =
            [("V1__t.sql", "CREATE TABLE t (a int);"), ("U1__t.sql", "DROP TABLE t;"), ("R__v.sql", view)];
        Set::from_folder(folder_of(&files).path()).unwrap()
    };
    assert_reversible(folder("CREATE OR REPLACE VIEW v AS SELECT a FROM t;")).await;
    let text = panic_of(folder("CREATE OR REPLACE VIEW v AS SELECT b FROM t;")).await;
    assert!(text.contains("column \"b\" does not exist"), "{text}");
}

#[tokio::test]
async fn a_set_of_nothing_is_reversible() {
    assert_reversible(tables(0)).await;
}

#[tokio::test]
async fn the_table_of_another_tool_that_is_kept_as_the_history_may_stay() {
    for kept in [tools::sqlx(), tools::sqlx().table("elsewhere").schema("ops")] {
        assert_reversible(Migrator::new(tables(2)).foreign_history(kept)).await;
    }
}
