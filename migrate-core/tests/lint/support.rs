//! Sets of scripts, and what is found in them.

use migrate_core::lint::{Finding, Judgement, LintOptions, lint};
use migrate_core::{Migration, Script, Set, SqlMigration, Version};
use std::sync::Arc;

/// The migrations 1, 2, … of these texts.
pub(crate) fn set(scripts: &[&str]) -> Set {
    let migrations = scripts.iter().enumerate().map(|(at, text)| {
        let script = Script::of_up_text(format!("{}.sql", at + 1), (*text).to_owned());
        let script = script.unwrap_or_else(|problem| panic!("{text}: {problem}"));
        Arc::new(SqlMigration::new(Version::numeric((at + 1).to_string()), format!("{}", at + 1), script))
            as Arc<dyn Migration>
    });
    Set::new("app", migrations.collect()).unwrap()
}

/// The findings of a set.
pub(crate) fn judged(set: &Set, options: &LintOptions) -> Judgement {
    lint(set, options).unwrap_or_else(|error| panic!("{error}"))
}

/// The findings of these scripts.
pub(crate) fn findings(scripts: &[&str], options: &LintOptions) -> Vec<Finding> {
    judged(&set(scripts), options).findings
}

/// The findings of the last of these scripts, each judged as if those before it were applied.
pub(crate) fn found(scripts: &[&str]) -> Vec<Finding> {
    let last = Version::numeric(scripts.len().to_string());
    findings(scripts, &LintOptions::new()).into_iter().filter(|finding| finding.version == last).collect()
}

/// The ids of the rules that find something in the last of these scripts.
pub(crate) fn ids(scripts: &[&str]) -> Vec<&'static str> {
    found(scripts).iter().map(|finding| finding.rule.id).collect()
}
