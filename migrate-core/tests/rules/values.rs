//! Placeholders and their values: the filled scripts, and the values refused before anything runs.

use migrate_core::directory::Reading;
use migrate_core::directory::source::SourceFile;
use migrate_core::set::placeholder::Values;
use migrate_core::{Payload, PlaceholderError, Script, Set, Version};

/// A set whose scripts may use the placeholders `a` and `b`.
fn set(files: &[(&str, &str)]) -> Set {
    let file = |(path, text): &(&str, &str)| SourceFile::new(*path, text.as_bytes().to_vec());
    let reading = Reading::default().placeholders(["a", "b"]);
    Set::from(reading.read(files.iter().map(file).collect()).unwrap_or_else(|problems| panic!("{problems}")))
}

fn values(values: &[(&'static str, &str)]) -> Values {
    values.iter().fold(Values::NONE, |mut all, (name, value)| {
        all.insert(*name, (*value).to_owned());
        all
    })
}

/// The texts of a migration's scripts with placeholders filled.
fn texts(set: &Set, version: &'static str) -> [Option<String>; 3] {
    let migration = set.find(&Version::numeric(version)).unwrap();
    let text = |payload: Payload<'_>| payload.script().map(|script| script.text().to_owned());
    let verify = migration.verify().map(|script| script.text().to_owned());
    [text(migration.up()), migration.down().and_then(text), verify]
}

const FILES: [(&str, &str); 6] = [
    ("1_one.sql", "UP ${a}"),
    ("2_two.up.sql", "UP ${a}, ${b}"),
    ("2_two.down.sql", "DOWN ${b}"),
    ("2_two.verify.sql", "VERIFY ${a}"),
    ("3_squash.sql", "-- migrate: replaces=1..1\nUP ${b}"),
    ("4_plain.sql", "UP"),
];

#[test]
fn every_script_of_a_set_gets_the_values_and_nothing_else_of_it_changes() {
    let written = set(&FILES);
    let filled = written.filled(values(&[("a", "1"), ("b", "'x'")]));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts(&filled, "2"), [some("UP 1, 'x'"), some("DOWN 'x'"), some("VERIFY 1")]);
    assert_eq!(texts(&filled, "1")[0], some("UP 1"), "one that another replaces, too");
    assert_eq!(texts(&filled, "4"), [some("UP"), None, None]);
    let other = filled.filled(values(&[("a", "2"), ("b", "'y'")]));
    assert_eq!(texts(&other, "2"), [some("UP 2, 'y'"), some("DOWN 'y'"), some("VERIFY 2")]);
    for set in [&filled, &other] {
        assert_eq!(set.digests().as_bytes(), written.digests().as_bytes());
        let known = |set: &Set| set.iter().map(|m| (m.name().to_owned(), m.checksum())).collect::<Vec<_>>();
        assert_eq!(known(set), known(&written));
        assert_eq!((set.len(), set.replaced().count()), (3, 1));
        let range = set.find(&Version::numeric("3")).unwrap().replaces().unwrap();
        assert!(range.contains(&Version::numeric("1")));
        assert_eq!(set.placeholders().collect::<Vec<_>>(), ["a", "b"]);
    }
}

#[test]
fn each_declared_placeholder_needs_a_value_and_no_other_may_have_one() {
    let set = set(&FILES);
    let check = |given: &[(&'static str, &str)]| set.filled(values(given)).check_values();
    assert_eq!(check(&[("a", "1"), ("b", "2")]), Ok(()));
    assert_eq!(check(&[("a", "1")]), Err(PlaceholderError::NoValue { name: "b".into() }));
    assert_eq!(set.check_values(), Err(PlaceholderError::NoValue { name: "a".into() }));
    let undeclared =
        PlaceholderError::Undeclared { name: "c".into(), declared: vec!["a".into(), "b".into()] };
    assert_eq!(check(&[("a", "1"), ("b", "2"), ("c", "3")]), Err(undeclared));
    let without = Set::new("plain", Vec::new()).unwrap();
    assert_eq!(without.check_values(), Ok(()));
    let undeclared = PlaceholderError::Undeclared { name: "a".into(), declared: Vec::new() };
    assert_eq!(without.filled(values(&[("a", "1")])).check_values(), Err(undeclared));
}

#[test]
fn a_value_that_could_end_a_body_may_stand_outside_of_bodies_only() {
    const BODY: &str = "DO $$ BEGIN PERFORM ${a}; END $$";
    let places = [
        ("1_x.up.sql", vec![("1_x.up.sql", BODY)]),
        ("1_x.down.sql", vec![("1_x.up.sql", "UP ${a}"), ("1_x.down.sql", BODY)]),
        ("1_x.verify.sql", vec![("1_x.up.sql", "UP ${a}"), ("1_x.verify.sql", BODY)]),
        ("1_x.sql", vec![("1_x.sql", BODY), ("2_y.sql", "-- migrate: replaces=1..1\nUP")]),
    ];
    for (path, files) in places {
        let set = set(&files);
        let check = |a: &str, b: &str| set.filled(values(&[("a", a), ("b", b)])).check_values();
        let refused = PlaceholderError::EndsBody { name: "a".into(), path: path.into() };
        assert_eq!(check("'$$'", "1"), Err(refused), "{path}");
        assert_eq!(check("'$'", "'$$'"), Ok(()), "{path}: only b holds a delimiter, and stands in no body");
    }
}

#[test]
fn a_kept_script_gets_the_values_too_and_one_with_unknown_names_is_refused() {
    let kept = |text: &str| Script::of_text("kept", text.to_owned()).unwrap();
    let fill = |set: &Set, text: &str| set.fill_kept(kept(text)).map(|script| script.text().to_owned());
    let filled = set(&FILES).filled(values(&[("a", "1"), ("b", "2")]));
    assert_eq!(fill(&filled, "DROP ${a}"), Ok("DROP 1".into()));
    let error = fill(&filled, "DROP ${gone}").unwrap_err();
    assert!(error.starts_with("`${gone}`: "), "{error}");
    let plain = Set::new("plain", Vec::new()).unwrap();
    assert_eq!(fill(&plain, "SELECT '${a}'"), Ok("SELECT '${a}'".into()), "no placeholders are declared");
}

#[test]
fn the_names_of_values_are_shown_and_the_values_are_not() {
    let values = values(&[("a", "'hunter2'"), ("b", "1")]);
    assert_eq!(format!("{values:?}"), r#"{"a", "b"}"#);
    assert_eq!((values.get("a"), values.get("c")), (Some("'hunter2'"), None));
    assert_eq!(values.names().collect::<Vec<_>>(), ["a", "b"]);
}
