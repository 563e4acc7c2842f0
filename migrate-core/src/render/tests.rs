use super::*;
use crate::lint::{LintOptions, lint};
use crate::set::migration::{Migration, SqlMigration};
use crate::set::placeholder::Values;
use crate::set::version::Version;
use std::sync::Arc;

fn set(text: &str) -> Set {
    let script = Script::of_up_text("0001_a.sql", text.to_owned()).unwrap();
    let migration = SqlMigration::new(Version::numeric("0001"), "0001_a", script);
    Set::new("app", vec![Arc::new(migration) as Arc<dyn Migration>]).unwrap()
}

/// The finding of a rule in a script, rendered.
fn rendered(text: &str, rule: &str) -> String {
    let set = set(text);
    let findings = lint(&set, &LintOptions::new()).unwrap().findings;
    let finding = findings.iter().find(|finding| finding.rule.id == rule).unwrap();
    Rendered::new(finding, &set, "db/migrations/").to_string()
}

/// The line of the script and the mark below it.
fn marked(text: &str, rule: &str) -> [String; 2] {
    let shown = rendered(text, rule);
    let mut lines = shown.lines().skip(3).map(str::to_owned);
    [lines.next().unwrap(), lines.next().unwrap()]
}

#[test]
fn a_finding_has_its_line_its_reason_and_the_safe_way() {
    let text = "-- Words.\nSELECT 1;\nCREATE INDEX i ON users (a);\n";
    assert_eq!(
        rendered(text, "index-not-concurrent"),
        "dangerous[index-not-concurrent]: nobody can write users while an index is built\n  \
           --> db/migrations/0001_a.sql:3:1\n   \
           |\n \
         3 | CREATE INDEX i ON users (a);\n   \
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n   \
           = note: CREATE INDEX holds SHARE on the table while it reads every row.\n   \
           = help: Run CREATE INDEX CONCURRENTLY in its own script. For a partitioned table, run CREATE INDEX … ON ONLY \
         on it, CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX … ATTACH PARTITION.\n   \
           = note: accept it with `-- migrate: allow=index-not-concurrent reason=\"…\"` above the statement"
    );
}

#[test]
fn a_mark_is_below_its_words_whatever_stands_before_them() {
    for before in ["", "  ", "\t", "/* ä漢 */ ", "/* \u{202e} */ ", "\u{feff}"] {
        let [line, mark] = marked(&format!("{before}DROP TABLE users;"), "drop-table");
        let start = mark.find('^').unwrap();
        let under: String = line.chars().skip(start).take(mark.matches('^').count()).collect();
        assert!(under.starts_with("users") || under == "DROP TABLE users", "{line}\n{mark}");
    }
}

#[test]
fn a_statement_of_several_lines_is_marked_to_the_end_of_the_first() {
    for end in ["\n", "\r\n"] {
        let [line, mark] =
            marked(&format!("CREATE INDEX i{end}  ON users (a);{end}"), "index-not-concurrent");
        assert_eq!(line, " 1 | CREATE INDEX i");
        assert_eq!(mark, "   | ^^^^^^^^^^^^^^…");
    }
}

#[test]
fn a_long_line_is_cut_around_the_mark() {
    let text = format!("/* {} */ DROP TABLE users; /* {} */", "x".repeat(5000), "y".repeat(5000));
    let [line, mark] = marked(&text, "drop-table");
    assert!(line.chars().count() < 200 && mark.chars().count() < 200, "{line}");
    assert!(line.contains("users") && line.ends_with('…'), "{line}");
}

#[test]
fn nothing_that_a_terminal_obeys_and_no_secret_is_shown() {
    let hostile = rendered("DROP TABLE \"a\u{1b}[2J\u{202e}b\"; -- \u{9b}31m", "drop-table");
    assert!(!hostile.chars().any(crate::display::printable::is_obeyed), "{hostile:?}");
    let two_lines = rendered("DROP TABLE \"a\n  b\";", "drop-table");
    assert!(two_lines.starts_with("very-risky[drop-table]: the table \"a b\" and its rows"), "{two_lines}");
    let secret = "CREATE ROLE r PASSWORD 'hunter2'; DROP TABLE users; ALTER ROLE r PASSWORD 'hunter3\n4';";
    let [line, _] = marked(secret, "drop-table");
    assert_eq!(line, " 1 | CREATE ROLE r PASSWORD '…'; DROP TABLE users; ALTER ROLE r PASSWORD '…'");
}

#[test]
fn a_placeholder_is_shown_and_not_its_value() {
    let text = "DROP TABLE ${name};";
    let placeholders = crate::set::placeholder::find(text, &["name".to_owned()]).found;
    let script = Script::of_up_text("0001_a.sql", text.to_owned()).unwrap().with_placeholders(placeholders);
    let migration = SqlMigration::new(Version::numeric("0001"), "0001_a", script);
    let set = Set::new("app", vec![Arc::new(migration) as Arc<dyn Migration>]).unwrap();
    let mut values = Values::NONE;
    values.insert("name", "a_very_long_table_name".to_owned());
    let set = set.declaring(vec!["name".to_owned()]).filled(values);
    let findings = lint(&set, &LintOptions::new()).unwrap().findings;
    let finding = findings.iter().find(|finding| finding.rule.id == "drop-table").unwrap();
    let shown = Rendered::new(finding, &set, "").to_string();
    assert!(shown.contains(" 1 | DROP TABLE ${name};\n"), "{shown}");
    assert!(shown.contains("--> 0001_a.sql:1:"), "{shown}");
}

#[test]
fn a_script_that_the_set_lacks_leaves_out_its_line() {
    let findings = lint(&set("DROP TABLE users;"), &LintOptions::new()).unwrap().findings;
    let empty = Set::new("app", Vec::new()).unwrap();
    let shown = Rendered::new(&findings[0], &empty, "").to_string();
    assert!(!shown.contains(" 1 | ") && shown.contains("= help: "), "{shown}");
}
