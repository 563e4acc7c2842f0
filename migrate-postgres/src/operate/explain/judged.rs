//! The lint findings of a plan's steps, judged with the facts of the live database.

use super::{Explanation, quoted};
use crate::migrator::Migrator;
use crate::migrator::refusing::concerns_database;
use crate::operate::sizes::RelationSize;
use migrate_core::config::accepted_in;
use migrate_core::lint::{Finding, Judgement, LintOptions, Risk, lint};
use migrate_core::plan::{Action, Step};
use migrate_core::sql::facts::Facts;
use migrate_core::{CodeMigration, Migration, Payload, Set, SqlMigration};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Migrator {
    /// Judges the scripts that steps apply. What they find applied is in the facts.
    pub(super) fn judge_steps(
        &self,
        steps: &[Step<'_>],
        mut facts: Facts,
        sizes: &BTreeMap<String, RelationSize>,
    ) -> Judgement {
        for (name, relation) in &mut facts.relations {
            let size = sizes.get(&quoted(name));
            let size = size.or_else(|| {
                sizes.values().find(|size| size.name == format!("{}.{}", name.schema, name.name))
            });
            relation.size = size.and_then(RelationSize::bucket);
        }
        facts.positions.clear();
        let set = applied_by(steps, self.set().name());
        let mut options = LintOptions::new().facts(facts);
        accepted_in(&set, &self.approvals(), &mut options);
        let mut judgement = lint(&set, &options).expect("options for this set");
        let is_done = |finding: &Finding| {
            let step = steps.iter().find(|step| step.version == finding.version);
            step.is_some_and(|step| finding.statement.is_some_and(|number| number <= step.statements_done))
        };
        judgement.findings.retain(|finding| concerns_database(finding) && !is_done(finding));
        judgement.approved.retain(|approved| !is_done(&approved.finding));
        judgement
    }
}

/// The migrations that steps apply, as a set of their own.
fn applied_by(steps: &[Step<'_>], name: &str) -> Set {
    let applied = steps.iter().filter(|step| step.action == Action::Apply);
    let migrations = applied.filter_map(|step| {
        let (version, name) = (step.version.clone(), step.name.clone().into_owned());
        Some(match step.payload.clone()? {
            Payload::Script(script) | Payload::Backfill(script) => {
                Arc::new(SqlMigration::new(version, name, script.into_owned())) as Arc<dyn Migration>
            }
            Payload::Code(code) => Arc::new(CodeMigration::new(version, name, step.checksum, code.clone())),
            _ => return None,
        })
    });
    Set::new(name.to_owned(), migrations.collect()).expect("a plan applies each version once")
}

impl Explanation {
    /// The findings in a statement of a step, except short locks, which its locks show.
    #[cfg(any(feature = "cli", feature = "report"))]
    pub(crate) fn findings_in<'e>(
        &'e self,
        version: &'e migrate_core::Version,
        statement: usize,
    ) -> impl Iterator<Item = &'e Finding> {
        let is_in = move |finding: &&Finding| {
            finding.version == *version
                && finding.statement == Some(statement)
                && finding.rule.id != "short-lock"
        };
        self.findings.iter().filter(is_in)
    }

    /// The accepted findings in a statement of a step.
    #[cfg(feature = "report")]
    pub(crate) fn approved_in<'e>(
        &'e self,
        version: &'e migrate_core::Version,
        statement: usize,
    ) -> impl Iterator<Item = &'e migrate_core::lint::Approved> {
        let is_in = move |of: &&migrate_core::lint::Approved| {
            of.finding.version == *version && of.finding.statement == Some(statement)
        };
        self.approved.iter().filter(is_in)
    }

    /// The findings of at least this risk.
    pub fn at_least(&self, risk: Risk) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.risk >= risk)
    }
}
