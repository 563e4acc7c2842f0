//! Refusing migrations by what lint finds in them, before anything is run.

use super::Migrator;
use migrate_core::config::accepted_in;
use migrate_core::history::{HistoryState, SetPosition};
use migrate_core::lint::{ConfiguredApproval, Family, Finding, Judgement, LintOptions, Risk, lint};
use migrate_core::plan::{Action, Plan, Policies, Refused, RiskyStatement, Step, Steps};
use migrate_core::sql::facts::Facts;
use migrate_core::{Report, Set, Version};

/// A plan that refuses migrations with a finding of at least a risk that nobody has accepted.
#[derive(Debug)]
pub(super) struct Refusing {
    pub(super) plan: Box<dyn Plan>,
    pub(super) risk: Risk,
    /// The approvals of the project's configuration.
    pub(super) allow: Vec<ConfiguredApproval>,
}

impl Plan for Refusing {
    fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool {
        self.plan.surely_done(set, position, policies)
    }

    fn surely_pending(&self, set: &Set, position: &SetPosition) -> bool {
        self.plan.surely_pending(set, position)
    }

    fn may_replan(&self) -> bool {
        self.plan.may_replan()
    }

    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused> {
        let steps = self.plan.decide(set, state, policies)?;
        let found = self.findings(set, &steps.steps);
        if found.is_empty() {
            return Ok(steps);
        }
        Err(Refused::Risky { risk: self.risk.word(), statements: found })
    }
}

impl Refusing {
    /// The findings in the steps that apply a migration and have not begun yet.
    fn findings(&self, set: &Set, steps: &[Step<'_>]) -> Vec<RiskyStatement> {
        let begins = |step: &&Step<'_>| step.action == Action::Apply && !step.is_resumed;
        let pending: Vec<&Version> = steps.iter().filter(begins).map(|step| &step.version).collect();
        let judgement = judge_only(set, &pending, &self.allow);
        let is_refused = |finding: &&Finding| finding.risk >= self.risk;
        judgement.findings.iter().filter(is_refused).map(|finding| statement(set, finding)).collect()
    }
}

/// Judges some migrations of a set, each group of neighbors as those of one run. The others are applied: what they
/// made is in use, also where a run is out of order.
fn judge_only(set: &Set, versions: &[&Version], allow: &[ConfiguredApproval]) -> Judgement {
    let mut judgement = Judgement::default();
    let mut positions: Vec<usize> = versions.iter().filter_map(|version| set.position(version)).collect();
    positions.sort_unstable();
    for group in positions.chunk_by(|one, next| one + 1 == *next) {
        let is_of_group =
            |finding: &Finding| set.position(&finding.version).is_some_and(|at| group.contains(&at));
        let found = judge_from(set, group[0], allow);
        judgement.findings.extend(found.findings.into_iter().filter(is_of_group));
        judgement.approved.extend(found.approved.into_iter().filter(|of| is_of_group(&of.finding)));
    }
    judgement
}

/// Judges the migrations from an index on as those of one run.
fn judge_from(set: &Set, first: usize, allow: &[ConfiguredApproval]) -> Judgement {
    let mut options = LintOptions::new();
    match first.checked_sub(1).and_then(|last| set.get(last)) {
        Some(last) => options.since = Some(last.version().clone()),
        // Nothing is applied.
        None => options = options.facts(Facts::none()),
    }
    accepted_in(set, allow, &mut options);
    let mut judgement = lint(set, &options).expect("options for this set");
    judgement.findings.retain(concerns_database);
    judgement
}

/// True if a finding is about what a script does to a database. Whether an approval is needed depends on the
/// database, and is a question for the author.
pub(crate) fn concerns_database(finding: &Finding) -> bool {
    finding.rule.family != Family::Approvals || finding.risk >= Risk::Dangerous
}

/// Judging after a run.
impl Migrator {
    /// Returns the findings of [lint](crate::lint) in the migrations that a run has applied, by their text and the earlier
    /// migrations of the set. It is not part of the report because a run judges nothing.
    pub fn judge(&self, report: &Report) -> Judgement {
        let applied = report.steps.iter().filter(|step| step.action == Action::Apply);
        let applied: Vec<&Version> = applied.map(|step| &step.version).collect();
        judge_only(self.set(), &applied, &self.approvals())
    }
}

fn statement(set: &Set, finding: &Finding) -> RiskyStatement {
    let name = set.find(&finding.version).map_or("", |migration| migration.name());
    RiskyStatement::new(name, finding.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::plan::Up;
    use migrate_core::{Migration, Script, SqlMigration};
    use std::sync::Arc;

    /// A plan that is done, and must not be decided.
    #[derive(Debug)]
    struct Done;

    impl Plan for Done {
        fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool {
            Up::all().surely_done(set, position, policies)
        }

        fn decide<'s>(&self, _: &'s Set, _: &HistoryState, _: &Policies) -> Result<Steps<'s>, Refused> {
            panic!("a run with nothing to do decides nothing")
        }
    }

    #[test]
    fn a_table_of_an_applied_migration_is_in_use_in_a_run_that_is_out_of_order() {
        let texts = ["SELECT 1", "CREATE TABLE users (id int)", "CREATE INDEX i ON users (id)"];
        let migrations = texts.iter().enumerate().map(|(at, text)| {
            let script = Script::of_up_text(format!("{}.sql", at + 1), format!("{text};")).unwrap();
            let version = Version::numeric((at + 1).to_string());
            Arc::new(SqlMigration::new(version, (at + 1).to_string(), script)) as Arc<dyn Migration>
        });
        let set = Set::new("app", migrations.collect()).unwrap();
        let version = |at: usize| set.get(at).unwrap().version();
        let rules = |versions: &[&Version]| -> Vec<&str> {
            judge_only(&set, versions, &[]).findings.iter().map(|finding| finding.rule.id).collect()
        };
        assert_eq!(rules(&[version(0), version(2)]), ["index-not-concurrent"]);
        assert_eq!(rules(&[version(0), version(1), version(2)]), Vec::<&str>::new());
    }

    #[test]
    fn a_run_with_nothing_to_do_judges_nothing() {
        let plan = Refusing { plan: Box::new(Done), risk: Risk::Careful, allow: Vec::new() };
        let set = Set::new("app", Vec::new()).unwrap();
        let done = SetPosition::UpToDate { applied: 0 };
        assert!(plan.surely_done(&set, &done, &Policies::DEFAULT));
    }
}
