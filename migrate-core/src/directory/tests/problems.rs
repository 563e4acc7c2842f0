//! The text of every problem that a directory can have.

use super::wrong::{WRONG, wrong_bytes};
use super::*;
use crate::set::problem::{Problem, ProblemKind};
use std::collections::BTreeSet;

#[test]
fn everything_that_is_wrong_has_its_text_in_the_snapshot() {
    let mut found = String::new();
    let mut kinds = BTreeSet::new();
    let mut add = |title: &str, files: Vec<SourceFile>| {
        let problems = read(files).expect_err(title);
        kinds.extend(problems.iter().map(|problem| place_of(&problem.kind)));
        found += &format!("# {title}\n{problems}\n\n");
    };
    for (title, files) in WRONG {
        add(title, sources(files));
    }
    add("bytes that are not UTF-8", wrong_bytes());
    let placeholders = Reading::default().placeholders(["schema", "region"]);
    let files = sources(&[
        (
            "1_a.sql",
            "-- +goose Up\nCREATE TABLE ${schemas}.t ();\n-- +goose Down\nDROP TABLE ${schema}.t, '${region}';",
        ),
        ("2_b.sql", "-- +goose Up\n-- ${comment}\nSELECT app_${schema}, ${, \"${nobody}\";"),
    ]);
    let problems = placeholders.read(files).unwrap_err();
    kinds.extend(problems.iter().map(|problem| place_of(&problem.kind)));
    found += &format!("# bad placeholders\n{problems}\n\n");
    let too_large = ProblemKind::TooLarge { length: 2_000_000_000, limit: script::SIZE_LIMIT };
    kinds.insert(place_of(&too_large));
    found += &format!("# a script of two gigabytes\n{}\n", Problem::of_file("1_dump.sql", too_large));

    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/problems.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(snapshot, &found).unwrap();
    }
    let expected = std::fs::read_to_string(snapshot).unwrap_or_default();
    assert!(found == expected, "{snapshot} differs (UPDATE_SNAPSHOTS=1 writes it anew):\n{found}");
    let missing: Vec<usize> = (0..KINDS).filter(|place| !kinds.contains(place)).collect();
    assert_eq!(missing, [0; 0], "kinds without a case");
}

/// Lists the variants of an enum from its source.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = body.expect("the enum is there").lines().filter_map(|line| line.strip_prefix("    "));
    let variants = lines.filter(|line| line.starts_with(char::is_uppercase));
    variants.map(|line| line.split([' ', '(', ',']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_refusal_has_its_row_in_the_table_of_the_docs_and_every_row_its_refusal() {
    let kinds = variants(include_str!("../../set/problem/kind.rs"), "ProblemKind");
    assert_eq!(kinds.len(), KINDS);
    let faults = variants(include_str!("../../sql/fault.rs"), "FaultKind");
    let refused: BTreeSet<String> = kinds.into_iter().filter(|kind| kind != "Sql").chain(faults).collect();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrate-postgres/docs/refusals.md");
    let table = std::fs::read_to_string(table).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let named = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2));
    let (of_runs, named): (Vec<String>, Vec<String>) =
        named.map(str::to_owned).partition(|name| name.starts_with("Error::"));
    let errors = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrate-postgres/src/error/mod.rs");
    let errors = variants(&std::fs::read_to_string(errors).unwrap(), "Error");
    assert!(of_runs.iter().all(|name| errors.contains(&name["Error::".len()..])), "{of_runs:?}");
    assert!(!of_runs.is_empty());
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), refused);
    assert_eq!(named.len(), refused.len(), "no refusal has two rows");
}

const KINDS: usize = 46;

/// The position of each kind in the enum, without a wildcard, so that a new kind requires a case.
fn place_of(kind: &ProblemKind) -> usize {
    use ProblemKind as K;
    match kind {
        K::NoMigrations { .. } => 0,
        K::MixedLayouts { .. } => 1,
        K::MissingVersion { .. } => 2,
        K::MissingName { .. } => 3,
        K::OddVersion { .. } => 4,
        K::LongVersion { .. } => 5,
        K::OddCharacter { .. } => 6,
        K::UnknownEnding { .. } => 7,
        K::UnknownFile { .. } => 8,
        K::InFolder { .. } => 9,
        K::FolderWithoutUp { .. } => 10,
        K::WithoutUp { .. } => 11,
        K::DuplicateVersion { .. } => 12,
        K::DuplicateScript { .. } => 13,
        K::SameButForCase { .. } => 14,
        K::OtherTool { .. } => 15,
        K::Empty => 16,
        K::Unwritten => 17,
        K::TooLarge { .. } => 18,
        K::NotUtf8 { .. } => 19,
        K::Sql(_) => 20,
        K::UnknownOption { .. } => 21,
        K::NotAnOption { .. } => 22,
        K::BadValue { .. } => 23,
        K::DuplicateOption { .. } => 24,
        K::OptionNotHere { .. } => 25,
        K::LateOptions => 26,
        K::OptionsInBlockComment => 27,
        K::RefusesBlock { .. } => 28,
        K::ContradictsMetadata { .. } => 29,
        K::UnknownSetting { .. } => 30,
        K::DuplicateSetting { .. } => 31,
        K::MissingSetting { .. } => 32,
        K::OtherProvider { .. } => 33,
        K::BadMark { .. } => 34,
        K::OrderByName { .. } => 35,
        K::WithoutScript { .. } => 36,
        K::BadRange { .. } => 37,
        K::BadPlaceholder { .. } => 38,
        K::LocalSetting { .. } => 39,
        K::RefusesOwnBlock { .. } => 40,
        K::UnendedBlock => 41,
        K::VerifyControl { .. } => 42,
        K::Batch(_) => 43,
        K::Code(_) => 44,
        K::Companion { .. } => 45,
    }
}

#[test]
fn a_path_is_shown_under_its_directory() {
    let problems = super::read(sources(&[("0001_a.sql", "SELECT '")])).unwrap_err().under("db/migrations/");
    assert!(problems.to_string().starts_with("db/migrations/0001_a.sql:1:8: "), "{problems}");
    let problems = super::read(Vec::new()).unwrap_err().under("db");
    assert!(problems.to_string().starts_with("db:1:1: "), "{problems}");
}

#[test]
fn a_folder_with_several_bad_files_and_a_bad_name_is_one_problem() {
    assert_eq!(problems(&[("_posts/up.sql", UP), ("_posts/down.sql", UP)]).len(), 1);
}

#[test]
fn a_placeholder_where_none_is_declared_asks_for_the_declaration() {
    let reading = Reading::default().placeholders([""; 0]);
    let problems = reading.read(sources(&[("1_a.sql", "SELECT ${schema}")])).unwrap_err();
    assert!(problems.to_string().contains("help: declare it"), "{problems}");
}

#[test]
fn a_script_of_another_role_names_the_up_script_that_it_lacks() {
    for (files, expected) in [
        (&[("V1__a.sql", UP), ("V3__c.verify.sql", UP)][..], "`V3__c.sql`"),
        (&[("V1__a.sql", UP), ("2026/V3__c.verify.sql", UP)], "`2026/V3__c.sql`"),
        (&[("1_a.sql", UP), ("2_b.verify.sql", UP)], "`2_b.up.sql`"),
        (&[("1_a.sql", "-- +goose Up\nSELECT 1;"), ("2_b.verify.sql", UP)], "`2_b.sql`"),
    ] {
        let problems = problems(files);
        assert!(problems.len() == 1 && problems[0].contains(&format!("add {expected}")), "{problems:?}");
    }
}

#[test]
fn problems_are_counted_and_listed_by_path_and_line() {
    let files = sources(&[("2_b.sql", "SELECT 'x\n"), ("1_a.sql", "\\d\n\\c db\n"), ("_.sql", UP)]);
    let problems = read(files).unwrap_err();
    let places = |problems: &[&Problem]| -> Vec<String> {
        problems.iter().map(|problem| format!("{}:{}", problem.path, problem.line)).collect()
    };
    let listed = places(&problems.iter().collect::<Vec<_>>());
    assert_eq!(listed, ["1_a.sql:1", "1_a.sql:2", "2_b.sql:1", "_.sql:1"]);
    assert_eq!((problems.len(), problems.is_empty()), (4, false));
    let mut count = 0;
    for problem in &problems {
        assert!(problems.to_string().contains(&problem.to_string()));
        count += 1;
    }
    assert_eq!(count, 4);
    assert_eq!(problems.clone().into_iter().count(), 4);
    assert!(Problems::default().is_empty());
}
