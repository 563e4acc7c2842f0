//! Refusing migrations by what lint finds in them, before anything is run.

use migrate_core::Set;
use migrate_core::config::accepted_in;
use migrate_core::history::{HistoryState, SetPosition};
use migrate_core::lint::{ConfiguredApproval, Finding, LintOptions, Risk, lint};
use migrate_core::plan::{Action, Plan, Policies, Refused, RiskyStatement, Step, Steps};
use migrate_core::sql::facts::Facts;

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
        let is_refused = |finding: &&Finding| {
            (finding.is_error || finding.risk >= self.risk) && pending.contains(&&finding.version)
        };
        let judgement = lint(set, &self.options(set, first)).expect("options for this set");
        judgement.findings.iter().filter(is_refused).map(|finding| statement(set, finding)).collect()
    }

    /// Judges the migrations from an index on as those of one run.
    fn options(&self, set: &Set, first: usize) -> LintOptions {
        let mut options = LintOptions::new();
        match first.checked_sub(1).and_then(|last| set.get(last)) {
            Some(last) => options.since = Some(last.version().clone()),
            // Nothing is applied.
            None => options = options.facts(Facts::none()),
        }
        accepted_in(set, &self.allow, &mut options);
        options
    }
}

fn statement(set: &Set, finding: &Finding) -> RiskyStatement {
    let name = set.find(&finding.version).map_or("", |migration| migration.name());
    RiskyStatement::new(name, finding.to_string())
}
