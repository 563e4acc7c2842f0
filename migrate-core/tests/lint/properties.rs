//! Properties of every text.

use crate::support::{judged, set};
use migrate_core::Script;
use migrate_core::lint::{LintOptions, rule, rules};
use proptest::prelude::*;

/// Words that statements are made of.
const WORDS: &[&str] = &[
    "ALTER",
    "TABLE",
    "TYPE",
    "DOMAIN",
    "t",
    "u",
    "app.t",
    "\"T\"",
    "ADD",
    "COLUMN",
    "DROP",
    "CONSTRAINT",
    "c",
    "int",
    "varchar(20)",
    "text",
    "serial",
    "NOT",
    "NULL",
    "DEFAULT",
    "random()",
    "1",
    "'x'",
    "CHECK",
    "(",
    ")",
    "(c > 0)",
    "UNIQUE",
    "PRIMARY",
    "KEY",
    "FOREIGN",
    "REFERENCES",
    "VALID",
    "VALIDATE",
    "CREATE",
    "INDEX",
    "CONCURRENTLY",
    "IF",
    "EXISTS",
    "ON",
    "ONLY",
    "SET",
    "SCHEMA",
    "RENAME",
    "TO",
    "USING",
    "CASCADE",
    "TRUNCATE",
    "DELETE",
    "FROM",
    "UPDATE",
    "WHERE",
    "true",
    "DO",
    "$$",
    "BEGIN",
    "COMMIT",
    ";",
    ",",
    "=",
    "PARTITION",
    "OF",
    "FOR",
    "VALUES",
    "IN",
    "ATTACH",
    "DETACH",
    "REINDEX",
    "CLUSTER",
    "VACUUM",
    "FULL",
    "REFRESH",
    "MATERIALIZED",
    "VIEW",
    "VALUE",
    "LOCK",
    "lock_timeout",
    "\u{e9}",
    "--",
    "\n",
    "/*",
    "*/",
    "INSERT",
    "INTO",
    "SELECT",
    "AS",
];

fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(WORDS), 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_place_is_in_the_text(first in soup(), second in soup()) {
        // A text that is not a script is refused before.
        let is_script = |text: &String| Script::of_up_text("1.sql", text.clone()).is_ok();
        prop_assume!(is_script(&first) && is_script(&second));
        let texts = [first.as_str(), second.as_str()];
        let set = set(&texts);
        for finding in judged(&set, &LintOptions::new()).findings {
            let text = texts[if finding.path == "1.sql" { 0 } else { 1 }];
            prop_assert!(text.get(finding.span.clone()).is_some(), "{finding}: {:?} of {text}", finding.span);
            prop_assert!(finding.place.line >= 1 && finding.place.column >= 1);
            prop_assert!(!finding.message.is_empty() && !finding.message.ends_with('.'));
        }
    }
}

#[test]
fn every_rule_has_an_id_of_its_own_and_says_all_there_is_to_say() {
    let mut ids: Vec<&str> = rules().map(|rule| rule.id).collect();
    for rule in rules() {
        for text in [rule.happens, rule.why, rule.safe, rule.silent] {
            assert!(
                text.ends_with('.') && text.starts_with(|c: char| c.is_ascii_uppercase()),
                "{}: {text}",
                rule.id
            );
        }
        // As the option `allow` takes it.
        let header = format!("-- migrate: allow={}\nSELECT 1;", rule.id);
        assert_eq!(Script::of_up_text("1.sql", header).unwrap().options().allow[0].rule, rule.id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules().count());
    assert_eq!(rule("drop-table").unwrap().id, "drop-table");
    assert_eq!(rule("drop"), None);
}
