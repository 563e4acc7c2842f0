//! `LintTest`: its options, and the configuration of a project.

use migrate_postgres::Migrator;
use migrate_postgres::lint::{ApprovedBy, JudgedStatement, LintRule, OptIn, Risk, Rule, RuleFinding};
use migrate_postgres::testing::LintTest;
use migrate_tests::sets::{Scripts, folder_of, set};

/// A rule of one's own: names are written without a schema.
#[derive(Debug)]
pub(super) struct NoDots;

static NO_DOTS: Rule = Rule::new("no-dots", Risk::VeryRisky).safe("Leave out the schema.");

impl LintRule for NoDots {
    fn rule(&self) -> &'static Rule {
        &NO_DOTS
    }

    fn check(&self, statement: &JudgedStatement<'_>) -> Vec<RuleFinding> {
        let has_dot = statement.text().contains('.');
        has_dot.then(|| RuleFinding::new("", "a name has a schema")).into_iter().collect()
    }
}

fn migrator() -> Migrator {
    Migrator::new(set(
        "linted",
        [
            Scripts::up(1, "CREATE TABLE users (id bigint PRIMARY KEY, email text);"),
            Scripts::up(2, "CREATE INDEX users_email ON users (email);"),
            Scripts::up(3, "ALTER TABLE public.users DROP COLUMN email;"),
        ],
    ))
}

fn denied(test: LintTest) -> Vec<String> {
    let error = test.check().map(drop).map_or_else(|error| error.to_string(), |()| String::new());
    let rules =
        error.lines().filter_map(|line| Some(line.split_once('[')?.1.split_once("]: ")?.0.to_owned()));
    rules.collect()
}

#[test]
fn a_test_fails_on_findings_of_the_denied_risk_and_shows_them() {
    let test = || LintTest::of(&migrator());
    assert_eq!(denied(test()), ["index-not-concurrent", "drop-column"]);
    assert_eq!(denied(test().deny(Risk::VeryRisky)), ["drop-column"]);
    assert_eq!(denied(test().since("00002_step").rule(NoDots)), ["no-dots", "drop-column"]);
    assert_eq!(denied(test().since("3").opt_in(OptIn::All)), Vec::<String>::new());
    let error = test().deny(Risk::VeryRisky).check().unwrap_err().to_string();
    let expected = "1 finding is denied\n\nvery-risky[drop-column]: the column public.users.email";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains(" 1 | ALTER TABLE public.users DROP COLUMN email;\n"), "{error}");
    let error = test().since("4").check().unwrap_err().to_string();
    assert_eq!(error, "there is no migration `4` to judge from: the last is 00003_step");
}

#[test]
fn a_test_takes_the_settings_of_the_project() {
    let config = "[lint]\ndeny = \"dangerous\"\nown_rules = [\"no-dots\"]\nsince = \"1\"\n\n[[lint.allow]]\nmigration = \"00002_step\"\n\
                  rule = \"index-not-concurrent\"\nreason = \"small\"\n\n[[lint.allow]]\nmigration = \"3\"\nrule = \"drop-column\"\n\
                  reason = \"unused\"\n\n[[lint.allow]]\nset = \"other\"\nmigration = \"77\"\nrule = \"no-dots\"\nreason = \"x\"\n";
    let folder = folder_of(&[("migrate.toml", config)]);
    let judgement = LintTest::of(&migrator()).configured_in(folder.path()).check().unwrap();
    let approved: Vec<_> = judgement.approved.iter().map(|of| (of.finding.rule.id, of.by)).collect();
    let by = ApprovedBy::Configuration;
    assert_eq!(approved, [("index-not-concurrent", by), ("drop-column", by)]);

    let fault = folder_of(&[("migrate.toml", "[lint]\ndeny = 3\n")]);
    let error = LintTest::of(&migrator()).configured_in(fault.path()).check().unwrap_err().to_string();
    assert!(
        error.ends_with("migrate.toml:2:8: expected \"careful\", \"dangerous\" or \"very-risky\""),
        "{error}"
    );
}
