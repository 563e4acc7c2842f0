//! Values replace placeholders, and the rest of a script stays the same.

use migrate_core::directory::Reading;
use migrate_core::directory::source::SourceFile;
use migrate_core::set::placeholder::Values;
use migrate_core::{Checksum, Script, sql};
use proptest::prelude::*;

fn script(text: &str) -> Script {
    let files = vec![SourceFile::new("1_a.sql", text.as_bytes().to_vec())];
    let read = Reading::default()
        .placeholders(["a", "b"])
        .read(files)
        .unwrap_or_else(|problems| panic!("{problems}"));
    read.migrations[0].up_script().unwrap().clone()
}

fn values(a: &str, b: &str) -> Values {
    let mut values = Values::NONE;
    values.insert("a", format!("\"{}\"", a.replace('"', "\"\"")));
    values.insert("b", format!("'{}'", b.replace('\'', "''")));
    values
}

#[test]
fn what_is_run_has_the_values_and_what_is_kept_has_the_names() {
    let written = "CREATE TABLE ${a}.t (x text DEFAULT ${b});\nSELECT 'é', ${b}, oops;";
    let filled = script(written).filled(&values("s", "v"));
    assert_eq!(filled.text(), "CREATE TABLE \"s\".t (x text DEFAULT 'v');\nSELECT 'é', 'v', oops;");
    assert_eq!(filled.source(), written);
    let last = filled.statements().at(1);
    assert_eq!((last.text(filled.text()), last.line()), ("SELECT 'é', 'v', oops", 2));
    let at = filled.line_column(filled.text().find("oops").unwrap());
    assert_eq!((at.line, at.column), (2, 19));
    assert_eq!(filled.line_at(filled.text().find("oops").unwrap()), "SELECT 'é', ${b}, oops;");
    let in_value = filled.line_column(filled.text().find("'v', oops").unwrap() + 1);
    assert_eq!((in_value.line, in_value.column), (2, 13));
    let behind_value = filled.line_column(filled.text().find(", oops").unwrap());
    assert_eq!((behind_value.line, behind_value.column), (2, 17));
    assert_eq!(
        filled.filled(&values("other", "w")).text(),
        script(written).filled(&values("other", "w")).text()
    );
}

#[test]
fn a_script_is_shown_to_developers_with_its_place_and_without_values_and_secrets() {
    let filled = script("SELECT ${b}; ALTER ROLE a PASSWORD 'hunter2';").filled(&values("s", "swordfish"));
    let shown = format!("{filled:?}");
    assert!(shown.contains("1_a.sql") && shown.contains("${b}"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("swordfish"), "{shown}");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("SELECT ".to_owned()),
        Just(" ${a} ".to_owned()),
        Just(" ${b} ".to_owned()),
        Just(";".to_owned()),
        Just("; SELECT 1".to_owned()),
        Just("\n".to_owned()),
        Just(" , 'it''s; é', ".to_owned()),
        Just(" $x$ ${a} ; -- ${c}\n $x$ ".to_owned()),
        Just(" /* ${c} ; */ ".to_owned()),
        Just("-- ${c} ;\n".to_owned()),
        Just("(${a}.t, 2)".to_owned()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("SELECT 0;{}", pieces.concat()))
}

proptest! {
    /// Statements end where they would if the filled text were split, and each byte keeps its line.
    #[test]
    fn values_move_no_boundary(text in pieces(), a in "[a-z\"; .-]{1,6}", b in "[a-z'; é-]{0,6}") {
        let written = script(&text);
        let filled = written.filled(&values(&a, &b));
        let split = sql::split(filled.text());
        prop_assert_eq!(split.faults, []);
        let ranges = |statements: &[sql::Statement]| statements.iter().map(sql::Statement::range).collect::<Vec<_>>();
        prop_assert_eq!(ranges(&filled.statements().iter().collect::<Vec<_>>()), ranges(&split.statements));
        prop_assert_eq!(Checksum::of(filled.source()), Checksum::of(&text));
        for (before, after) in written.statements().iter().zip(filled.statements().iter()) {
            let at = written.line_column(before.range().start);
            prop_assert_eq!(filled.line_column(after.range().start), at);
            prop_assert_eq!((before.line(), after.line()), (at.line, at.line));
        }
        let left = filled.text().replace("${c}", "").contains("${");
        prop_assert!(!left, "{}", filled.text());
    }
}
