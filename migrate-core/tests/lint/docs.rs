//! The table of the rules in the guide.

use migrate_core::lint::{Rule, rules};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrate-postgres/docs/rules.md");

/// The text before the first rule, which is written by hand.
const MARK: &str = "<!-- The rest is written by a test from the rules themselves. -->\n";

#[test]
fn the_guide_lists_each_rule_as_it_is() {
    let written = std::fs::read_to_string(PATH).unwrap();
    let (introduction, _) = written.split_once(MARK).expect("the mark is there");
    let expected = format!("{introduction}{MARK}{}", table());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(PATH, &expected).unwrap();
    } else {
        assert!(written == expected, "{PATH} differs (UPDATE_SNAPSHOTS=1 writes it anew)");
    }
}

fn table() -> String {
    let mut text = String::new();
    let mut family = None;
    for rule in rules() {
        if family != Some((rule.family, rule.is_opt_in)) {
            family = Some((rule.family, rule.is_opt_in));
            let off = if rule.is_opt_in { ", off by default" } else { "" };
            writeln!(text, "\n## {}{off}\n", rule.family.title()).unwrap();
        }
        row(&mut text, rule);
    }
    text
}

fn row(text: &mut String, rule: &Rule) {
    let versions =
        if rule.versions == "all" { String::new() } else { format!(" · PostgreSQL {}", rule.versions) };
    writeln!(text, "### `{}`\n", rule.id).unwrap();
    writeln!(text, "**{}**{versions} · {}\n", rule.risk, rule.happens).unwrap();
    writeln!(text, "- Why: {}", rule.why).unwrap();
    writeln!(text, "- The safe way: {}", rule.safe).unwrap();
    writeln!(text, "- Silent: {}\n", rule.silent).unwrap();
}
