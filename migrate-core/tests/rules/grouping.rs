//! Grouping of statements: those committed together, those sent together, and the settings that a part
//! inherits from earlier ones.

use crate::support::script;
use migrate_core::directory::{self, source::SourceFile};
use migrate_core::{Script, TransactionMode};

/// The transaction mode of a script, and its units: `[0 1]` for statements in one transaction, `2` for a
/// statement sent alone.
fn committed(script: &Script) -> (TransactionMode, String) {
    let unit = |unit: &migrate_core::sql::Unit| {
        let statements: Vec<String> = unit.statements().map(|index| index.to_string()).collect();
        let statements = statements.join(" ");
        if unit.is_bare() { statements } else { format!("[{statements}]") }
    };
    (script.transaction(), script.units().iter().map(unit).collect::<Vec<_>>().join(" "))
}

/// The up script of a goose file.
fn goose(text: &str) -> Script {
    let file = SourceFile::new("1_a.sql", text.as_bytes().to_vec());
    let read = directory::read(vec![file]).unwrap_or_else(|problems| panic!("{problems}"));
    read.migrations[0].up_script().unwrap().clone()
}

#[test]
fn a_script_is_one_transaction_unless_a_statement_refuses_that_or_it_has_its_own() {
    use TransactionMode::{Block, None, Own};
    for (text, mode, units) in [
        ("A; B;", Block, "[0 1]"),
        ("VACUUM; B;", None, "0 [1]"),
        ("A; VACUUM;", None, "[0] 1"),
        ("BEGIN; A; COMMIT;", Block, "[0 1 2]"),
        ("BEGIN; A; COMMIT; BEGIN; B; COMMIT;", Own, "[0 1 2] [3 4 5]"),
        ("A; COMMIT; B;", Own, "[0 1] [2]"),
        ("BEGIN; A; COMMIT; VACUUM;", None, "[0 1 2] 3"),
    ] {
        let script = script("1.sql", text);
        assert_eq!(committed(&script), (mode, units.to_owned()), "{text}");
        assert_eq!(script.controls_transactions(), text.contains("COMMIT"), "{text}");
    }
}

/// goose runs a script in a transaction and sends each query separately. After the script's own COMMIT, no
/// transaction is left.
#[test]
fn behind_the_end_of_gooses_transaction_each_of_its_queries_is_committed_alone() {
    let block =
        |statements: &str| format!("-- +goose StatementBegin\n{statements}\n-- +goose StatementEnd\n");
    for (body, units, units_without) in [
        ("A; B;".to_owned(), "[0 1]", "[0] [1]"),
        ("A; COMMIT; B; C;".to_owned(), "[0 1] [2] [3]", "[0] [1] [2] [3]"),
        (format!("A; COMMIT; B;\n{}E;", block("C; D;")), "[0 1] [2] [3 4] [5]", "[0] [1] [2] [3 4] [5]"),
        (format!("{}E;", block("C; D;")), "[0 1 2]", "[0 1] [2]"),
        (format!("A;\n{}", block("C;")), "[0 1]", "[0] [1]"),
        ("A; COMMIT; VACUUM;".to_owned(), "[0 1] 2", "[0] [1] 2"),
        // A statement that refuses a transaction block must be alone, even between goose's marks.
        (format!("A; COMMIT;\n{}", block("C; VACUUM;")), "[0 1] [2] 3", "[0] [1] [2] 3"),
    ] {
        let with = goose(&format!("-- +goose Up\n{body}"));
        assert_eq!(committed(&with).1, units, "{body}");
        assert_ne!(committed(&with).0, TransactionMode::None, "{body}");
        let without = goose(&format!("-- +goose NO TRANSACTION\n-- +goose Up\n{body}"));
        assert_eq!(committed(&without), (TransactionMode::None, units_without.to_owned()), "{body}");
    }
    // If a statement refuses the transaction before the COMMIT, there is none to end.
    let refused = goose("-- +goose Up\nVACUUM; A; COMMIT;");
    assert_eq!(committed(&refused).0, TransactionMode::None);
    // A mark of goose's is a comment on a separate line.
    let sql = script("1.sql", "A; COMMIT; -- +goose StatementBegin\nB; C; -- +goose StatementEnd\n");
    assert_eq!(committed(&sql), (TransactionMode::Own, "[0 1] [2 3]".to_owned()));
}

#[test]
fn a_script_is_sent_in_one_piece_unless_a_statement_ends_without_a_semicolon_above_another() {
    for (text, count) in [("", 0), ("A", 1), ("A;", 1), ("A; B", 2), ("A; B; C;\n", 3)] {
        assert_eq!(script("1.sql", text).pieces(), [(0..text.len(), count)], "{text}");
    }
    let block = |statement: &str| format!("-- +goose StatementBegin\n{statement}\n-- +goose StatementEnd\n");
    let text = format!("-- +goose Up\n{}B; C;\n{}{}", block("A"), block("D"), block("E"));
    let script = goose(&text);
    let ends = ["\nA", "\nD"].map(|end| text.find(end).unwrap() + end.len());
    assert_eq!(script.pieces(), [(0..ends[0], 1), (ends[0]..ends[1], 3), (ends[1]..text.len(), 1)]);
}

#[test]
fn what_a_script_has_set_counts_for_the_statements_behind_it() {
    let script = script("1.sql", "SET a = 1; COMMIT; BEGIN; SET b = 2; ROLLBACK; SET c = 3; B;");
    let before = |index| script.settings_before(index);
    assert_eq!(before(0), [""; 0]);
    assert_eq!(before(1), ["SET a = 1"]);
    assert_eq!(before(4), ["SET a = 1", "SET b = 2"]);
    assert_eq!(before(5), ["SET a = 1"], "it was rolled back");
    assert_eq!(before(6), ["SET a = 1", "SET c = 3"]);
}
