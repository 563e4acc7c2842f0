//! Facts about a database: as a file, and as what the rules know.

use crate::support::{findings, ids, judged, set};
use migrate_core::lint::{LintError, LintOptions, Risk, lint};
use migrate_core::sql::facts::{Facts, FactsError, ObjectName, SizeBucket};
use migrate_core::sql::split;

const FIXTURE: &str = include_str!("../../../tests/it/shapes/fixture.sql");

/// The facts that these statements make, as a catalog would give them.
fn facts(text: &str) -> Facts {
    let mut facts = Facts::none();
    facts.search_path = vec!["public".to_owned()];
    split(text).statements.iter().for_each(|statement| facts.apply(statement.text(text)));
    facts.is_complete = true;
    facts
}

#[test]
fn a_file_keeps_all_facts_and_is_the_same_each_time() {
    let mut facts = facts(FIXTURE);
    facts.server_version = Some(17);
    facts.time_zone = Some("UTC".to_owned());
    facts.is_utc = Some(true);
    facts.positions.insert("app".to_owned(), "0041".to_owned());
    let users = facts.relations.get_mut(&ObjectName::new("public", "t")).unwrap();
    users.size = Some(SizeBucket::of(Some(2_345_678), 700_000_000));
    let json = facts.to_json();
    let read = Facts::from_json(&json).unwrap();
    assert_eq!(read.to_json(), json);
    assert_eq!((read.server_version, read.is_utc, &read.positions), (Some(17), Some(true), &facts.positions));
    for (name, relation) in &facts.relations {
        let mut same = relation.clone();
        same.columns.iter_mut().flatten().for_each(|column| {
            column.is_new = false;
            column.is_virtual = Some(column.is_virtual == Some(true));
        });
        same.is_unlogged = read.relations[name].is_unlogged;
        assert_eq!(read.relations[name], same, "{name:?}");
    }
    assert_eq!(read.types, facts.types);
    let lines: Vec<&str> = json.lines().collect();
    assert!(lines.contains(&r#"          {"name": "id", "type": "int8", "not_null": true},"#), "{json}");
    assert!(
        lines.contains(&r#"        "size": {"bytes_below": 1000000000, "rows_below": 10000000}"#),
        "{json}"
    );
    let longest = lines.iter().map(|line| line.len()).max();
    assert!(longest < Some(250), "{longest:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let text = |error: FactsError| error.to_string();
    let error = |json: &str| Facts::from_json(json).unwrap_err();
    assert_eq!(
        text(error("{\n  \"format\": 1,,\n}")),
        "line 2, column 15: key must be a string: write the facts again with `migrate facts`"
    );
    assert_eq!(error("{\"format\": 2}"), FactsError::UnknownFormat { found: 2 });
    assert_eq!(text(error("{}")), "`format` has to be a number: write the facts again with `migrate facts`");
    for (members, place) in [
        ("\"relations\": []", "relations"),
        ("\"relations\": {\"public\": {\"t\": {\"kind\": \"tables\"}}}", "relations.public.t.kind"),
        ("\"types\": {\"public\": {\"d\": {\"domain\": \"not a type(\"}}}", "types.public.d.domain"),
        ("\"functions\": {\"public\": {\"f\": \"fast\"}}", "functions.public.f"),
        ("\"positions\": {\"app\": 1}", "positions.app"),
        ("\"search_path\": [\"public\", 1]", "search_path.1"),
    ] {
        let found = error(&format!("{{\"format\": 1, {members}}}"));
        assert!(matches!(&found, FactsError::NotFacts { place: at, .. } if at == place), "{found}");
    }
}

#[test]
fn facts_hold_no_body_of_a_function() {
    let facts = facts("CREATE FUNCTION f() RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 42'");
    let json = facts.to_json();
    assert!(json.contains("\"f\": \"stable\"") && !json.contains("42"), "{json}");
}

#[test]
fn facts_of_another_version_than_asked_for_are_an_error() {
    let mut known = facts("");
    known.server_version = Some(15);
    let set = set(&["SELECT 1"]);
    let options = LintOptions::new().facts(known).server_version(17);
    assert_eq!(lint(&set, &options), Err(LintError::OtherServerVersion { facts: 15, asked: 17 }));
}

#[test]
fn only_what_the_facts_do_not_include_is_judged() {
    let texts = ["CREATE TABLE a (id int)", "CREATE INDEX i ON a (id)", "CREATE INDEX j ON a (id)"];
    let at = |version: Option<&str>| {
        let mut known = facts("CREATE TABLE a (id int)");
        known.positions.extend(version.map(|version| ("app".to_owned(), version.to_owned())));
        let options = LintOptions::new().facts(known);
        findings(&texts, &options).iter().map(|finding| finding.version.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(at(Some("1")), ["2", "3"]);
    assert_eq!(at(Some("2")), ["3"]);
    // The database is ahead of the set.
    assert_eq!(at(Some("7")), [""; 0]);
    // The set is not applied there; its first migration finds a table that another set made.
    assert_eq!(at(None), ["2", "3"]);
}

#[test]
fn with_facts_a_function_or_a_type_that_is_not_there_leaves_nothing_open() {
    let known =
        facts("CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS int STABLE LANGUAGE plpgsql AS ''");
    let statement = "ALTER TABLE t ADD z int DEFAULT f()";
    assert_eq!(ids(&[statement]), ["volatile-default"]);
    let found = findings(&[statement], &LintOptions::new().facts(known));
    assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), ["short-lock"]);
}

#[test]
fn later_migrations_are_followed_on_top_of_the_facts() {
    let mut known = facts("CREATE TABLE t (id int, CONSTRAINT c CHECK (id IS NOT NULL) NOT VALID)");
    known.positions.insert("app".to_owned(), "1".to_owned());
    let options = LintOptions::new().facts(known);
    let texts =
        ["CREATE TABLE t ()", "ALTER TABLE t VALIDATE CONSTRAINT c", "ALTER TABLE t ALTER id SET NOT NULL"];
    let judgement = judged(&set(&texts), &options);
    assert!(judgement.at_least(Risk::Dangerous).next().is_none(), "{:?}", judgement.findings);
}

#[test]
fn work_on_a_small_table_is_a_short_lock() {
    let risk = |rows: Option<u64>, bytes, statement: &str| {
        let mut known = facts("CREATE TABLE t (id int, a int)");
        known.relations.get_mut(&ObjectName::new("public", "t")).unwrap().size =
            Some(SizeBucket::of(rows, bytes));
        let findings = findings(&[statement], &LintOptions::new().facts(known));
        findings.into_iter().max_by_key(|finding| finding.risk).unwrap()
    };
    let small = risk(Some(2_345), 180_000, "CREATE INDEX i ON t (a)");
    assert_eq!(
        small.to_string(),
        "1.sql:1:1: careful: nobody can write t (fewer than 10 thousand rows) while an index is built [index-not-concurrent]"
    );
    for statement in
        ["ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ADD CHECK (a > 0)", "UPDATE t SET a = 1"]
    {
        let at_most = |rows, bytes| {
            let found = risk(rows, bytes, statement);
            if found.rule.id == "overwrite-values" { Risk::Careful } else { found.risk }
        };
        assert_eq!(at_most(Some(9_999), 180_000), Risk::Careful, "{statement}");
    }
    // The number of rows is old, or unknown.
    for (rows, bytes) in [(Some(10_000), 1_000_000), (Some(100), 900_000_000), (None, 1)] {
        assert_eq!(risk(rows, bytes, "CREATE INDEX i ON t (a)").risk, Risk::Dangerous, "{rows:?} {bytes}");
    }
}

#[test]
fn what_certainly_does_not_exist_cannot_be_lost_or_broken() {
    let known = facts("CREATE TABLE \"Users\" (id int)");
    for harmless in [
        "DROP TABLE IF EXISTS nosuch",
        "ALTER TABLE IF EXISTS nosuch DROP COLUMN a, ADD b int UNIQUE",
        "ALTER TABLE IF EXISTS nosuch RENAME TO other",
        "DROP VIEW IF EXISTS nosuch CASCADE",
    ] {
        assert_eq!(findings(&[harmless], &LintOptions::new().facts(known.clone())), [], "{harmless}");
        assert!(!ids(&[harmless]).is_empty(), "{harmless}");
    }
    let revoked =
        findings(&["REVOKE ALL ON SCHEMA public FROM app"], &LintOptions::new().facts(known.clone()));
    assert_eq!(revoked.len(), 1);
    // A quoted name is known in a down script, too.
    let set = crate::down::set(&[("SELECT 1", "CREATE INDEX i ON \"Users\" (id)")]);
    let found = judged(&set, &LintOptions::new().facts(known)).findings;
    assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), ["index-not-concurrent"]);
}
