//! Assertions and seeds in and beside directories of every layout.

use super::*;
use crate::set::Set;
use crate::set::placeholder::Values;
use crate::set::problem::{Problem, ProblemKind, Problems};

fn set(files: Files<'_>) -> Set {
    directory(files).into()
}

fn seeds(set: &Set) -> Vec<String> {
    set.seeds().map(|seed| seed.name().to_owned()).collect()
}

fn assertions(set: &Set) -> Vec<String> {
    set.assertions().map(|assertion| format!("{} {}", assertion.name(), assertion.script().path())).collect()
}

const TRUE: &str = "SELECT true;";

/// A first migration of each layout.
const LAYOUTS: [&[(&str, &str)]; 7] = [
    &[("0001_a.sql", UP)],
    &[("V1__a.sql", UP)],
    &[("0001_a/up.sql", UP)],
    &[("0001_a/migration.sql", UP), ("migration_lock.toml", "provider = \"postgresql\"")],
    &[("0001_a.sql", "-- +goose Up\nSELECT 1;")],
    &[("0001_a.sql", "-- migrate:up\nSELECT 1;")],
    &[("0001_a.sql", "SELECT 1;\n---- create above / drop below ----\nSELECT 2;")],
];

#[test]
fn another_tools_files_in_a_folder_beside_the_directory_are_left_alone() {
    let files = [
        ("0001_a.sql", UP),
        ("../seeds/users.sql", UP),
        ("../seeds/import.rb", "puts 1"),
        ("../seeds/dev/csv/a.sql", "{"),
    ];
    assert_eq!(seeds(&set(&files)), ["users.sql"]);
}

/// Flyway and refinery search every folder; they have no other meaning for these names.
#[test]
fn a_folder_of_migrations_is_one_whatever_its_name() {
    for folder in ["seeds", "assertions", "seeds/2026"] {
        let path = format!("{folder}/V2__b.sql");
        let files = [("V1__a.sql", UP), (path.as_str(), UP)];
        let directory = directory(&files);
        let names: Vec<&str> = directory.migrations.iter().map(Migration::name).collect();
        assert_eq!(names, ["V1__a", "V2__b"], "{folder}");
        assert!(directory.assertions.is_empty() && directory.seeds.is_empty(), "{folder}");
    }
    let problems = problems(&[("V1__a.sql", UP), ("seeds/V2__b.sql", UP), ("seeds/users.sql", UP)]);
    assert!(
        problems.len() == 1 && problems[0].starts_with("seeds/V2__b.sql:1:1: named like"),
        "{problems:?}"
    );
}

#[test]
fn a_fault_beside_the_directory_is_left_to_the_calls_that_use_the_file() {
    let mut files = sources(&[
        ("0001_a.sql", UP),
        ("../assertions/update.sql", "UPDATE t SET a = 1;"),
        ("../assertions/true.sql", TRUE),
        ("../seed.sql", "INSERT INTO t VALUES (1);\nCOMMIT;"),
        ("../seeds/copy.sql", "COPY t FROM stdin;\n1\n\\.\n"),
        ("../seeds/users.sql", UP),
    ]);
    files.push(SourceFile::new("../seeds/latin.sql", b"SELECT '\xe9';".to_vec()));
    let set: Set = read(files).unwrap().into();
    assert_eq!((set.len(), set.assertions().count(), seeds(&set)), (1, 1, vec!["users.sql".to_owned()]));
    let [assertions, seeds] =
        [set.check_assertions(), set.check_seeds()].map(|check| check.unwrap_err().to_string());
    assert!(
        assertions.starts_with("1 assertion can't be used:\nassertions/update.sql:1:1: `UPDATE t"),
        "{assertions}"
    );
    for expected in [
        "seed.sql:2:1: COMMIT is not allowed",
        "seeds/copy.sql:1:1: ",
        "seeds/latin.sql:1:9: the file is not valid",
    ] {
        assert!(seeds.contains(expected), "{expected} in {seeds}");
    }
    let problems = problems(&[("0001_a.sql", UP), ("seeds/commit.sql", "COMMIT;")]);
    assert_eq!(problems.len(), 1, "in the directory it is a problem: {problems:?}");
}

#[test]
fn each_seed_has_a_name_of_its_own() {
    let set = set(&[
        ("0001_a.sql", UP),
        ("../seed.sql", UP),
        ("../seeds/seed.sql", UP),
        ("../seeds/seeds/seed.sql", UP),
    ]);
    assert_eq!(seeds(&set), ["../seed.sql", "seed.sql", "seeds/seed.sql"]);
    let environments: Vec<bool> = set.seeds().map(|seed| seed.environment().is_some()).collect();
    assert_eq!(environments, [false, false, true]);
}

#[test]
fn no_layout_takes_an_assertion_or_a_seed_for_a_migration() {
    for migrations in LAYOUTS {
        for prefix in ["", "../"] {
            let paths = ["assertions/0002_users.sql", "seeds/0003_users.sql", "seeds/test/0004_users.sql"];
            let paths = paths.map(|path| format!("{prefix}{path}"));
            let texts = [TRUE, UP, UP];
            let companions = paths.iter().map(String::as_str).zip(texts);
            let files: Vec<(&str, &str)> = migrations.iter().copied().chain(companions).collect();
            let directory = directory(&files);
            assert_eq!((directory.migrations.len(), &*directory.notes), (1, &[][..]), "{files:?}");
            let set = Set::from(directory);
            assert_eq!(assertions(&set), ["0002_users assertions/0002_users.sql"]);
            assert_eq!(seeds(&set), ["0003_users.sql", "test/0004_users.sql"]);
            let names = outline(sources(&files)).unwrap().names;
            assert_eq!(names.len(), 1, "{names:?}");
        }
    }
}

#[test]
fn a_folder_in_the_directory_counts_before_one_beside_it() {
    let set = set(&[
        ("0001_a.sql", UP),
        ("../assertions/beside.sql", TRUE),
        ("assertions/inside.sql", TRUE),
        ("../seeds/beside.sql", UP),
        ("seeds/README.md", "no seed"),
    ]);
    assert_eq!(assertions(&set), ["inside assertions/inside.sql"]);
    assert_eq!(seeds(&set), ["beside.sql"]);
}

#[test]
fn a_folder_without_sql_belongs_to_something_else() {
    let files = [("0001_a.sql", UP), ("../seeds/users.json", ""), ("assertions/users.rb", "")];
    let directory = directory(&files);
    assert_eq!(directory.notes.len(), 1, "{:?}", directory.notes);
    let set = Set::from(directory);
    assert_eq!((assertions(&set).len(), seeds(&set).len()), (0, 0));
    // In Prisma's layout each folder is a migration.
    let problems = problems(&[("0001_a/migration.sql", UP), ("seeds/users.json", "")]);
    assert!(problems.len() == 1 && problems[0].starts_with("seeds/:1:1: no `migration.sql`"), "{problems:?}");
}

#[test]
fn seeds_run_in_the_order_of_their_names_and_those_of_an_environment_last() {
    let set = set(&[
        ("0001_a.sql", UP),
        ("../seeds/a_test/0.sql", UP),
        ("../seeds/b.sql", UP),
        ("../seeds/a.sql", UP),
        ("../seed.sql", UP),
        ("../seeds/development/c.sql", UP),
    ]);
    assert_eq!(seeds(&set), ["../seed.sql", "a.sql", "b.sql", "a_test/0.sql", "development/c.sql"]);
    let environments: Vec<Option<String>> =
        set.seeds().map(|seed| seed.environment().map(str::to_owned)).collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(environments, [None, None, None, named("a_test"), named("development")]);
}

#[test]
fn the_header_of_an_assertion_says_when_it_is_checked_and_what_may_be_shown() {
    let set = set(&[
        ("0001_a.sql", UP),
        ("0009_b.sql", "-- migrate: replaces=0002..0008\nSELECT 1;"),
        (
            "assertions/a.sql",
            "-- migrate: since=1 until=0005 key=id,tenant_id statement_timeout=5s\nSELECT true;",
        ),
    ]);
    let assertion = set.assertions().next().unwrap();
    assert_eq!((assertion.since(), assertion.until()), (Some("1"), Some("0005")));
    assert_eq!(assertion.key(), ["id", "tenant_id"]);
    let options = assertion.script().options().to_string();
    assert_eq!(options, "statement_timeout=5s since=1 until=0005 key=id,tenant_id");
}

#[test]
fn placeholders_have_their_values_in_assertions_and_seeds() {
    let files = sources(&[
        ("0001_a.sql", UP),
        ("assertions/a.sql", "TABLE ${schema}.broken;"),
        ("seeds/a.sql", "INSERT INTO ${schema}.t DEFAULT VALUES;"),
    ]);
    let set: Set = Reading::default().placeholders(["schema"]).read(files).unwrap().into();
    let mut values = Values::default();
    values.insert("schema", "\"app\"".to_owned());
    let set = set.filled(values);
    assert_eq!(set.assertions().next().unwrap().script().text(), "TABLE \"app\".broken;");
    assert!(set.seeds().next().unwrap().script().text().starts_with("INSERT INTO \"app\".t"));
    let files = sources(&[("0001_a.sql", UP), ("assertions/a.sql", "TABLE ${other}.t;")]);
    let problems = Reading::default().placeholders(["schema"]).read(files).unwrap_err();
    assert!(problems.to_string().starts_with("assertions/a.sql:1:7: `${other}`"), "{problems}");
}

#[test]
fn a_file_beside_a_directory_is_shown_beside_it() {
    for (folder, shown) in [
        ("db/migrations", "db/seeds/a.sql:1:1: "),
        ("migrations", "seeds/a.sql:1:1: "),
        ("/srv/migrations/", "/srv/seeds/a.sql:1:1: "),
        ("..", "../../seeds/a.sql:1:1: "),
    ] {
        let problem = Problem::of_file("../seeds/a.sql", ProblemKind::Empty);
        let problems = Problems::of([problem]).under(folder);
        assert!(problems.to_string().starts_with(shown), "{problems}");
    }
}
