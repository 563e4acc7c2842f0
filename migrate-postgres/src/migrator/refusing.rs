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
        let pending: Vec<_> = steps.iter().filter(begins).map(|step| &step.version).collect();
        let Some(first) = pending.iter().filter_map(|version| set.position(version)).min() else {
            return Vec::new();
        };
        let is_refused =
            |finding: &&Finding| finding.risk >= self.risk && pending.contains(&&finding.version);
        let judgement = judge_from(set, first, &self.allow);
        judgement.findings.iter().filter(is_refused).map(|finding| statement(set, finding)).collect()
    }
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
        let first = applied.iter().filter_map(|version| self.set().position(version)).min();
        let Some(first) = first else { return Judgement::default() };
        let mut judgement = judge_from(self.set(), first, &self.approvals());
        judgement.findings.retain(|finding| applied.contains(&&finding.version));
        judgement.approved.retain(|approved| applied.contains(&&approved.finding.version));
        judgement
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
    fn a_run_with_nothing_to_do_judges_nothing() {
        let plan = Refusing { plan: Box::new(Done), risk: Risk::Careful, allow: Vec::new() };
        let set = Set::new("app", Vec::new()).unwrap();
        let done = SetPosition::UpToDate { applied: 0 };
        assert!(plan.surely_done(&set, &done, &Policies::DEFAULT));
    }
}
