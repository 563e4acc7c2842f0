//! Adoption of another tool's history.

use crate::history::Notice;
use crate::history::foreign::{
    ForeignHistory, ForeignMigration, ForeignMigrationState, Obstacle, Tool, UnusableHistory,
};
use crate::history::{Applied, HistoryState, SetPosition};
use crate::plan::step::Adopted;
use crate::plan::{Plan, Policies, Refused, Step, Steps};
use crate::set::Set;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::collections::HashSet;
use std::sync::Arc;

/// Marks the migrations that another tool has applied as applied, if this library's history is still empty,
/// and continues with another plan.
///
/// The other tool's history is [`HistoryState::foreign`], which a backend loads if it was told to. Everything
/// is checked before anything is written: checksums, failed migrations, and applied migrations that the set
/// lacks.
#[derive(Debug)]
#[must_use = "a plan does nothing until it is run"]
pub struct Adopt(Box<dyn Plan>);

impl Adopt {
    /// Adopts, then continues with this plan.
    pub fn then(plan: impl Plan + 'static) -> Adopt {
        Adopt(Box::new(plan))
    }
}

impl Plan for Adopt {
    fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool {
        self.0.surely_done(set, position, policies)
    }

    fn surely_pending(&self, set: &Set, position: &SetPosition) -> bool {
        // If nothing is applied in our history, only the full state shows whether something has to be
        // adopted.
        position.applied() != Some(0) && self.0.surely_pending(set, position)
    }

    fn may_replan(&self) -> bool {
        self.0.may_replan()
    }

    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused> {
        let is_new = state.applied.is_empty() && state.interrupted.is_none();
        let Some(foreign) = state.foreign.as_ref().filter(|_| is_new) else {
            return self.0.decide(set, state, policies);
        };
        let adoption = adoption(set, foreign, policies)?;
        let applied = adoption
            .steps
            .iter()
            .map(|step| Applied::new(step.version.clone(), step.name.clone(), step.checksum));
        let state = HistoryState { applied: applied.collect(), ..state.clone() };
        let then = self.0.decide(set, &state, policies)?;
        let Steps { mut steps, mut notices } = adoption;
        steps.extend(then.steps);
        notices.extend(then.notices);
        Ok(Steps { steps, notices })
    }
}

/// The steps that adopt another tool's history: one mark for each migration that the tool has applied.
///
/// A migration that the tool has not applied stays pending, even if it precedes applied ones:
/// [`Policies::allow_out_of_order`] decides whether it may be applied late.
///
/// # Errors
///
/// All obstacles, not only the first.
pub fn adoption<'s>(
    set: &'s Set,
    foreign: &ForeignHistory,
    policies: &Policies,
) -> Result<Steps<'s>, UnusableHistory> {
    let witness = foreign.witness.iter().cloned().collect();
    let mut taking = Taking { set, foreign, policies, witness, taken: Adoption::default() };
    foreign.found.iter().for_each(|found| taking.take(found));
    let Adoption { steps, mut notices, obstacles, .. } = taking.taken;
    if !obstacles.is_empty() {
        return Err(UnusableHistory { tool: foreign.tool, table: foreign.table.clone(), obstacles });
    }
    if !steps.is_empty() {
        let (tool, table) = (foreign.tool, foreign.table.clone());
        notices.insert(0, Notice::Adopted { tool, table, count: steps.len() });
    }
    Ok(Steps { steps, notices })
}

struct Taking<'s, 'f> {
    set: &'s Set,
    foreign: &'f ForeignHistory,
    policies: &'f Policies,
    witness: Arc<[String]>,
    taken: Adoption<'s>,
}

#[derive(Default)]
struct Adoption<'s> {
    steps: Vec<Step<'s>>,
    versions: HashSet<Version>,
    notices: Vec<Notice>,
    obstacles: Vec<Obstacle>,
}

impl<'s> Taking<'s, '_> {
    fn take(&mut self, found: &ForeignMigration) {
        match &found.state {
            ForeignMigrationState::Reverted => {}
            ForeignMigrationState::Failed { logs } => {
                let logs = logs.clone();
                self.taken.obstacles.push(Obstacle::Failed { migration: found.clone(), logs });
            }
            ForeignMigrationState::Interrupted { .. } => {
                self.taken.obstacles.push(Obstacle::Interrupted { name: found.to_string() });
            }
            ForeignMigrationState::Applied => self.take_applied(found),
            ForeignMigrationState::AppliedUpTo => self.take_up_to(found),
        }
    }

    fn take_applied(&mut self, found: &ForeignMigration) {
        let Some(migration) = found.find(self.set) else { return self.missing(found) };
        match &found.checksum {
            Some(then) if !then.is_of(migration) => {
                // A repeatable migration with another text is applied again, not reported as edited.
                if !is_repeatable(found) {
                    let (name, now) = (migration.name().to_owned(), then.same_kind_of(migration));
                    self.taken.obstacles.push(Obstacle::Edited { name, then: then.clone(), now });
                }
            }
            _ => self.mark(migration, found),
        }
    }

    fn take_up_to(&mut self, found: &ForeignMigration) {
        // A baseline of Flyway's need not be a migration. The version in golang-migrate's or tern's row has
        // to be one.
        if matches!(self.foreign.tool, Tool::GolangMigrate | Tool::Tern) && found.find(self.set).is_none() {
            return self.missing(found);
        }
        let last = Version::new(found.version.clone(), self.set.order());
        for migration in self.set.iter().filter(|migration| *migration.version() <= last) {
            self.mark(migration, found);
        }
    }

    fn missing(&mut self, found: &ForeignMigration) {
        if is_repeatable(found) {
            return;
        }
        let name = found.to_string();
        if self.policies.allow_missing {
            self.taken.notices.push(Notice::Missing { name });
        } else {
            self.taken.obstacles.push(Obstacle::Missing { name });
        }
    }

    fn mark(&mut self, migration: &'s dyn Migration, found: &ForeignMigration) {
        if !self.taken.versions.insert(migration.version().clone()) {
            return;
        }
        let reason = format!("adopted from {} ({})", self.foreign.table, self.foreign.tool);
        let adopted = Adopted { at: found.at, took: found.took, witness: self.witness.clone() };
        self.taken.steps.push(Step::mark(migration).adopted(adopted, reason));
    }
}

fn is_repeatable(found: &ForeignMigration) -> bool {
    found.version.starts_with("R__")
}
