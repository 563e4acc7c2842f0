//! Down scripts.

use crate::support::judged;
use migrate_core::lint::{LintOptions, Risk};
use migrate_core::set::Role;
use migrate_core::sql::facts::Facts;
use migrate_core::{Migration, Script, Set, SqlMigration, Version};
use std::sync::Arc;

/// A set of migrations, each with an up and a down script.
pub(crate) fn set(scripts: &[(&str, &str)]) -> Set {
    let migrations = scripts.iter().enumerate().map(|(at, (up, down))| {
        let version = (at + 1).to_string();
        let up = Script::of_up_text(format!("{version}.up.sql"), (*up).to_owned()).unwrap();
        let down = Script::of_text(format!("{version}.down.sql"), (*down).to_owned()).unwrap();
        let migration = SqlMigration::new(Version::numeric(version.clone()), version, up).with_down(down);
        Arc::new(migration) as Arc<dyn Migration>
    });
    Set::new("app", migrations.collect()).unwrap()
}

fn found(scripts: &[(&str, &str)]) -> Vec<String> {
    let judgement = judged(&set(scripts), &LintOptions::new());
    let down = judgement.findings.iter().filter(|finding| finding.role == Role::Down);
    down.map(ToString::to_string).collect()
}

#[test]
fn a_down_script_that_deletes_is_worth_a_word_and_no_more() {
    assert_eq!(
        found(&[("CREATE TABLE t (a int); CREATE TABLE u ()", "DROP TABLE t CASCADE;\nDROP TABLE u")]),
        [
            "1.down.sql:1:12: careful: the table t and its rows are deleted [down-loses-data]",
            "1.down.sql:2:1: careful: the lock on t of the statement in line 1 is held while the script waits for the lock on u \
             [several-tables-in-one-transaction]",
            "1.down.sql:2:12: careful: the table u and its rows are deleted [down-loses-data]",
        ]
    );
    assert_eq!(found(&[("CREATE VIEW v AS SELECT 1", "DROP VIEW v")]).len(), 1);
}

#[test]
fn a_down_script_that_blocks_is_as_dangerous_as_an_up_script() {
    let table = "CREATE TABLE t (a int); CREATE INDEX t_a ON t (a)";
    assert_eq!(
        found(&[(table, "DROP TABLE t"), ("DROP INDEX CONCURRENTLY t_a", "CREATE INDEX t_a ON t (a)")])[1],
        "2.down.sql:1:1: dangerous: nobody can write t while an index is built [index-not-concurrent]"
    );
    // Renaming back is what the release before wants.
    let renamed = ("ALTER TABLE t RENAME a TO b", "ALTER TABLE t RENAME b TO a");
    let back = found(&[(table, "DROP TABLE t"), renamed]);
    assert!(back[1].ends_with("[short-lock]") && back.len() == 2, "{back:?}");
}

#[test]
fn a_down_script_approves_for_itself() {
    let table = "CREATE TABLE t (a int)";
    let index = "-- migrate: allow=index-not-concurrent\nCREATE INDEX t_a ON t (a)";
    let judgement = judged(&set(&[(table, "DROP TABLE t"), (table, index)]), &LintOptions::new());
    assert!(
        judgement.findings.iter().all(|finding| finding.risk < Risk::Dangerous),
        "{:?}",
        judgement.findings
    );
    assert_eq!(judgement.approved.len(), 1);
    assert_eq!(judgement.approved[0].finding.role, Role::Down);
    let unused = "-- migrate: allow=truncate\nDROP TABLE t";
    assert!(
        found(&[(table, unused)])[0].ends_with("nothing in the script needs allow=truncate [unused-allow]")
    );
}

#[test]
fn a_configured_approval_is_for_both_scripts() {
    let table = "CREATE TABLE t (a int)";
    let scripts = set(&[(table, "DROP TABLE t"), ("SELECT 1", "CREATE INDEX t_a ON t (a)")]);
    let options = LintOptions::new().allow("2", "index-not-concurrent", "nobody reverts it");
    let judgement = judged(&scripts, &options);
    assert!(judgement.at_least(Risk::Dangerous).next().is_none());
    assert!(
        judgement.findings.iter().all(|finding| finding.rule.id != "unused-allow"),
        "{:?}",
        judgement.findings
    );
}

#[test]
fn a_down_script_knows_what_the_code_that_it_calls_names() {
    let up = "CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE INDEX i ON t (a); END $$";
    let found = found(&[(up, "SELECT f()")]);
    assert!(found.iter().any(|finding| finding.ends_with("[index-not-concurrent]")), "{found:?}");
    // With facts, an unknown table would certainly not exist.
    let mut known = Facts::none();
    known.search_path = vec!["public".to_owned()];
    known.is_complete = true;
    let judgement = judged(&set(&[(up, "SELECT f()")]), &LintOptions::new().facts(known));
    assert!(judgement.at_least(Risk::Dangerous).next().is_some(), "{:?}", judgement.findings);
}
