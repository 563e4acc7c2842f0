//! Manual resolution of states that a program can't determine.

use crate::history::{HistoryState, Interrupted, SetPosition};
use crate::plan::repeatable::superseded;
use crate::plan::step::Settled;
use crate::plan::up::unknown;
use crate::plan::{Action, Plan, Policies, Refused, Step, Steps};
use crate::set::Set;
use crate::set::migration::Migration;
use crate::set::version::Version;

/// The state of a migration as an operator has determined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// It is applied: all effects of its up script exist.
    Applied,
    /// It is not applied: no effect of its up script exists, or none does any longer.
    Reverted,
    /// It was interrupted and is to resume at this statement of its script, starting at 1: the statements
    /// before it are done, and this one is not.
    ResumeAt(usize),
}

/// Records the state of a migration without running anything.
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until it is run"]
pub struct Resolve {
    version: Version,
    resolution: Resolution,
    reason: Option<String>,
}

impl Resolve {
    /// Settles a migration.
    pub fn new(version: Version, resolution: Resolution) -> Resolve {
        Resolve { version, resolution, reason: None }
    }

    /// Adds a reason, which the history stores.
    pub fn because(self, reason: impl Into<String>) -> Resolve {
        Resolve { reason: Some(reason.into()), ..self }
    }

    fn step<'s>(&self, set: &'s Set, state: &HistoryState) -> Result<Option<Step<'s>>, Refused> {
        match state.interrupted.as_ref().filter(|interrupted| interrupted.version == self.version) {
            Some(interrupted) => self.settle(set, interrupted).map(Some),
            None => self.record(set, state),
        }
    }

    /// The step for a migration that was not interrupted.
    fn record<'s>(&self, set: &'s Set, state: &HistoryState) -> Result<Option<Step<'s>>, Refused> {
        let applied = state.find(&self.version);
        let migration = set.find(&self.version);
        match (self.resolution, applied, migration) {
            (_, None, None) => Err(unknown(set, Some(&self.version))),
            (Resolution::Applied, None, Some(migration)) => Ok(Some(Step::mark(migration))),
            (Resolution::Reverted, Some(applied), _) => {
                Ok(Some(Step::unmark(applied.version.clone(), applied.name.clone(), applied.checksum)))
            }
            // The new text of a repeatable migration is already in effect.
            (Resolution::Applied, Some(applied), Some(migration))
                if applied.version.is_repeatable() && applied.checksum != migration.checksum() =>
            {
                Ok(Some(Step::mark(migration).in_place_of(vec![superseded(applied)])))
            }
            (Resolution::Applied, Some(_), _) | (Resolution::Reverted, None, _) => Ok(None),
            (Resolution::ResumeAt(_), applied, migration) => Err(Refused::NotInterrupted {
                version: self.version.clone(),
                name: migration
                    .map(Migration::name)
                    .or(applied.map(|a| &*a.name))
                    .unwrap_or_default()
                    .to_owned(),
                applied: applied.is_some(),
            }),
        }
    }

    /// The step for an interrupted migration, which ends the attempt.
    fn settle<'s>(&self, set: &'s Set, interrupted: &Interrupted) -> Result<Step<'s>, Refused> {
        let (version, name) = (interrupted.version.clone(), interrupted.name.clone());
        let migration = set.find(&version);
        let settled = Settled::of(interrupted);
        let bare = Step::unmark(version, name, interrupted.checksum);
        let step = match self.resolution {
            Resolution::Applied => {
                // The text with which it was begun, which may differ from the set's, counts as applied.
                let kept = migration.filter(|m| m.checksum() == interrupted.checksum).map(Step::mark);
                Step {
                    changes: !interrupted.reverting,
                    ..kept.unwrap_or(Step { action: Action::Mark, ..bare })
                }
            }
            Resolution::Reverted => {
                let up = migration.map(Step::mark).and_then(|step| step.up);
                Step { changes: interrupted.reverting, up, ..bare }
            }
            Resolution::ResumeAt(statement) => {
                let statements_done = resume_at(statement, migration, interrupted)?;
                let up = migration.map(Step::mark).unwrap_or_else(|| bare.clone());
                let settles = Some(settled.at(statements_done));
                return Ok(Step { action: Action::Rewind, changes: false, settles, ..up });
            }
        };
        Ok(Step { settles: Some(settled), ..step })
    }
}

/// The number of finished statements if an interrupted migration resumes at the given one.
fn resume_at(
    statement: usize,
    migration: Option<&dyn Migration>,
    interrupted: &Interrupted,
) -> Result<usize, Refused> {
    let payload = migration.and_then(|m| if interrupted.reverting { m.down() } else { Some(m.up()) });
    let statements = payload.map_or(usize::MAX, |payload| payload.statement_count());
    match statement.checked_sub(1) {
        Some(done) if done < statements => Ok(done),
        _ => Err(Refused::NoSuchStatement { name: interrupted.name.clone(), statement, statements }),
    }
}

impl Plan for Resolve {
    fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
        false
    }

    fn decide<'s>(&self, set: &'s Set, state: &HistoryState, _: &Policies) -> Result<Steps<'s>, Refused> {
        let step = self.step(set, state)?;
        let steps = step.map(|step| Step { reason: self.reason.clone().map(Into::into), ..step });
        Ok(Steps { steps: steps.into_iter().collect(), notices: Vec::new() })
    }
}
