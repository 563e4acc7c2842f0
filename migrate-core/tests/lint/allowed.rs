//! `-- migrate: allow=…`

use crate::support::{findings, found, ids, judged, set};
use migrate_core::Version;
use migrate_core::lint::{
    ApprovedBy, JudgedStatement, LintError, LintOptions, LintRule, OptIn, Risk, Rule, RuleFinding, lint,
};
use migrate_core::{Approval, Script};

const REASON: &str = "reason=\"unused since 2.0\"";

#[test]
fn what_a_script_allows_is_not_found_in_it_and_all_else_is() {
    let script = "DROP TABLE a CASCADE";
    assert_eq!(ids(&[script]), ["drop-cascade", "drop-table"]);
    assert_eq!(ids(&[&format!("-- migrate: allow=drop-table {REASON}\n{script}")]), ["drop-cascade"]);
    assert_eq!(ids(&[&format!("-- migrate: allow=drop-table,drop-cascade {REASON}\n{script}")]), [""; 0]);
    assert_eq!(ids(&[&format!("-- migrate: allow=drop_table,drop_cascade {REASON}\n{script}")]), [""; 0]);
}

#[test]
fn one_script_does_not_allow_another_one_anything() {
    let first = format!("-- migrate: allow=drop-table {REASON}\nDROP TABLE a");
    assert_eq!(ids(&[&first, "DROP TABLE b"])[0], "drop-table");
}

#[test]
fn what_is_allowed_in_vain_is_found_where_it_stands() {
    let found = found(&["-- migrate: lock_timeout=5s\n-- migrate: allow=truncate,drop_tables\nSELECT 1"]);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "1.sql:2:19: careful: nothing in the script needs allow=truncate [unused-allow]",
            "1.sql:2:28: error: there is no rule drop-tables (did you mean drop-table?), and it allows nothing [unknown-rule]",
        ]
    );
    assert!(found.iter().all(|finding| finding.statement.is_none() && finding.risk == Risk::Careful));
}

#[test]
fn above_a_statement_it_is_for_that_statement() {
    let script = format!(
        "-- migrate: lock_timeout=5s\nSELECT 1;\n-- a comment\n-- migrate: allow=drop_table {REASON}\n-- another\nDROP TABLE a;\nDROP TABLE b;"
    );
    let set = set(&[&script]);
    let judgement = judged(&set, &LintOptions::new());
    let lost: Vec<_> = judgement.findings.iter().filter(|finding| finding.rule.id == "drop-table").collect();
    assert_eq!(lost.iter().map(|finding| finding.statement).collect::<Vec<_>>(), [Some(3)]);
    let [approved] = judgement.approved.as_slice() else { panic!("{:?}", judgement.approved) };
    assert_eq!((approved.finding.statement, approved.finding.rule.id), (Some(2), "drop-table"));
    assert_eq!(approved.reason.as_deref(), Some("unused since 2.0"));
    assert_eq!(approved.by, ApprovedBy::Statement);
}

#[test]
fn the_approvals_of_a_script_can_be_read_without_judging_it() {
    let text = "-- migrate: allow=drop-column,drop_key reason=\"a = b\" allow=truncate\nSELECT 1;\n\
                -- migrate: allow=drop-table reason='no'\n";
    assert!(Script::of_up_text("1.sql", text.to_owned()).is_err());
    let text = text.replace("reason='no'\n", "reason=\"gone\"\nDROP TABLE a;");
    let script = Script::of_up_text("1.sql", text.clone()).unwrap();
    let read = script.approvals();
    let shown: Vec<String> = read
        .iter()
        .map(|of| format!("{:?} {} {}", of.statement, of.approval, &text[of.span.clone()]))
        .collect();
    assert_eq!(
        shown,
        [
            "None allow=drop-column reason=\"a = b\" drop-column",
            "None allow=drop-key reason=\"a = b\" drop_key",
            "None allow=truncate truncate",
            "Some(1) allow=drop-table reason=\"gone\" drop-table",
        ]
    );
    assert_eq!(script.options().allow[2], Approval { rule: "truncate".into(), reason: None });
}

#[test]
fn an_approval_that_is_for_no_statement_is_refused() {
    for text in [
        "SELECT 1;\n-- migrate: allow=drop-table",
        "SELECT 1; -- migrate: allow=drop-table\nDROP TABLE a;",
        "SELECT\n-- migrate: allow=drop-table\n1;",
        "SELECT 1;\n-- migrate: allow=drop-table lock_timeout=5s\nDROP TABLE a;",
        "SELECT 1;\n-- migrate: lock_timeout=5s\nDROP TABLE a;",
    ] {
        assert!(Script::of_up_text("1.sql", text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn a_loss_of_data_needs_a_reason_and_nothing_else_does() {
    let found = found(&["-- migrate: allow=drop-table\nDROP TABLE a"]);
    let [missing] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        missing.to_string(),
        "1.sql:1:19: dangerous: allow=drop-table accepts a loss of data without a reason [reason-missing]"
    );
    assert_eq!(ids(&["-- migrate: allow=short-lock\nALTER TABLE t ADD z int"]), [""; 0]);
}

#[test]
fn the_configuration_approves_for_scripts_that_must_not_change() {
    let scripts = ["DROP TABLE a", "DROP TABLE b"];
    for name in ["1", "01"] {
        let options =
            LintOptions::new().allow(name, "drop_table", "it was empty").allow("2", "truncate", "never");
        if name == "01" {
            let error = lint(&set(&scripts), &options).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the approval of `drop-table` names `01`, and no migration has this version or name"
            );
            continue;
        }
        let judgement = judged(&set(&scripts), &options);
        assert_eq!(judgement.approved[0].by, ApprovedBy::Configuration);
        assert_eq!(judgement.approved[0].reason.as_deref(), Some("it was empty"));
        let shown: Vec<String> = judgement.findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "2.sql:1:12: very-risky: the table b and its rows are deleted [drop-table]",
                "2.sql:1:1: careful: nothing in 2 needs the approval of truncate in the configuration [unused-allow]",
            ]
        );
    }
}

#[test]
fn an_id_without_a_rule_is_an_error_where_the_script_may_still_change() {
    let scripts = ["-- migrate: allow=drop_tables\nSELECT 1", "-- migrate: allow=drop-tables\nSELECT 2"];
    let options = LintOptions::new().since(Version::numeric("1"));
    let errors: Vec<(String, bool)> = findings(&scripts, &options)
        .iter()
        .map(|finding| (finding.version.to_string(), finding.is_error))
        .collect();
    assert_eq!(errors, [("1".to_owned(), false), ("2".to_owned(), true)]);
    let known = findings(&scripts, &LintOptions::new().known_rule("drop_tables"));
    assert_eq!(known, []);
}

#[test]
fn options_that_cannot_be_right_are_errors() {
    let set = set(&["SELECT 1"]);
    let error = |options: LintOptions| lint(&set, &options).unwrap_err();
    assert_eq!(
        error(LintOptions::new().allow("1", "drop-colunm", "")),
        LintError::UnknownRule { id: "drop-colunm".to_owned(), suggestion: Some("drop-column") }
    );
    assert_eq!(
        error(LintOptions::new().opt_in(OptIn::rules(["no-such-thing-at-all"]))).to_string(),
        "there is no lint rule `no-such-thing-at-all`"
    );
    assert_eq!(
        error(LintOptions::new().rule(Selects("drop-table"))).to_string(),
        "the own rule `drop-table` needs another id: it belongs to another rule"
    );
    assert_eq!(
        error(LintOptions::new().rule(Selects("No Selects"))).to_string(),
        "the own rule `No Selects` needs another id: an id has lower-case letters, digits and hyphens"
    );
}

/// Finds all queries.
#[derive(Debug)]
struct Selects(&'static str);

impl LintRule for Selects {
    fn rule(&self) -> &'static Rule {
        Box::leak(Box::new(Rule::new(self.0, Risk::Careful).safe("Leave it out.")))
    }

    fn check(&self, statement: &JudgedStatement<'_>) -> Vec<RuleFinding> {
        let is_query = statement.parsed().verb().eq_ignore_ascii_case("select");
        let found = RuleFinding::new("", "it only reads").at_risk(Risk::Dangerous);
        if is_query { vec![found] } else { Vec::new() }
    }
}

#[test]
fn an_own_rule_is_found_and_allowed_like_the_others() {
    let options = LintOptions::new().rule(Selects("no-selects"));
    let judgement =
        judged(&set(&["SELECT 1", "-- migrate: allow=no-selects\nSELECT 1", "VALUES (1)"]), &options);
    let shown: Vec<String> = judgement.findings.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["1.sql:1:1: dangerous: it only reads [no-selects]"]);
    assert_eq!(judgement.findings[0].safe, "Leave it out.");
    assert_eq!(judgement.approved.len(), 1);
}
