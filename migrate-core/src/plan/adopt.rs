//! Taking over what another tool has applied.

use crate::history::foreign::{ForeignHistory, Found, FoundState, Tool, ToolChecksum};
use crate::history::{Applied, Position, State};
use crate::plan::step::Adopted;
use crate::plan::{Notice, Plan, Policies, Refused, Step, Steps};
use crate::set::Set;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Marks the migrations that another tool has applied as applied, where the history has none of its own yet, and goes on
/// with another plan.
///
/// The other tool's history is [`State::foreign`], which a backend that was told to looks for. Everything is checked
/// before anything is written: checksums, failed migrations, and whether the set has what is applied.
#[derive(Debug)]
pub struct Adopt(Box<dyn Plan>);

impl Adopt {
    /// Adopts, and goes on with this.
    pub fn then(plan: impl Plan + 'static) -> Adopt {
        Adopt(Box::new(plan))
    }
}

impl Plan for Adopt {
    fn is_settled(&self, set: &Set, position: &Position, policies: &Policies) -> bool {
        self.0.is_settled(set, position, policies)
    }

    fn is_due(&self, set: &Set, position: &Position) -> bool {
        // Where nothing of ours is applied, only the whole look tells what there is to adopt.
        !matches!(position, Position::Beginning { applied: 0, .. }) && self.0.is_due(set, position)
    }

    fn is_repeatable(&self) -> bool {
        self.0.is_repeatable()
    }

    fn decide<'s>(&self, set: &'s Set, state: &State, policies: &Policies) -> Result<Steps<'s>, Refused> {
        let is_new = state.applied.is_empty() && state.interrupted.is_none();
        let Some(foreign) = state.foreign.as_ref().filter(|_| is_new) else {
            return self.0.decide(set, state, policies);
        };
        let adoption = adoption(set, foreign, policies)?;
        let applied = adoption
            .steps
            .iter()
            .map(|step| Applied::new(step.version.clone(), step.name.clone(), step.checksum));
        let state = State { applied: applied.collect(), ..state.clone() };
        let then = self.0.decide(set, &state, policies)?;
        let Steps { mut steps, mut notices } = adoption;
        steps.extend(then.steps);
        notices.extend(then.notices);
        Ok(Steps { steps, notices })
    }
}

/// The steps that take another tool's history over: a mark for each migration that it has applied.
///
/// A migration that it has not applied stays pending, also where it lies before others: whether it may be applied late is for
/// [`Policies::allow_out_of_order`] to say.
///
/// # Errors
///
/// Everything that stands in the way, and not only the first.
pub fn adoption<'s>(
    set: &'s Set,
    foreign: &ForeignHistory,
    policies: &Policies,
) -> Result<Steps<'s>, UnusableHistory> {
    let witness = foreign.witness.iter().cloned().collect();
    let mut taking = Taking { set, foreign, policies, witness, taken: Taken::default() };
    foreign.found.iter().for_each(|found| taking.take(found));
    let Taken { steps, mut notices, obstacles, .. } = taking.taken;
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
    taken: Taken<'s>,
}

#[derive(Default)]
struct Taken<'s> {
    steps: Vec<Step<'s>>,
    versions: HashSet<Version>,
    notices: Vec<Notice>,
    obstacles: Vec<Obstacle>,
}

impl<'s> Taking<'s, '_> {
    fn take(&mut self, found: &Found) {
        match &found.state {
            FoundState::Reverted => {}
            FoundState::Failed { logs } => {
                let logs = logs.clone();
                self.taken.obstacles.push(Obstacle::Failed { migration: found.clone(), logs });
            }
            FoundState::Interrupted { .. } => {
                self.taken.obstacles.push(Obstacle::Interrupted { name: found.to_string() });
            }
            FoundState::Applied => self.take_applied(found),
            FoundState::AppliedUpTo => self.take_up_to(found),
        }
    }

    fn take_applied(&mut self, found: &Found) {
        let Some(migration) = found.find(self.set) else { return self.missing(found) };
        match &found.checksum {
            Some(then) if !then.is_of(migration) => {
                // A repeatable migration with another text is to be applied again, and not edited.
                if !is_repeatable(found) {
                    let (name, now) = (migration.name().to_owned(), then.same_kind_of(migration));
                    self.taken.obstacles.push(Obstacle::Edited { name, then: then.clone(), now });
                }
            }
            _ => self.mark(migration, found),
        }
    }

    fn take_up_to(&mut self, found: &Found) {
        // A baseline of Flyway's need not be a migration; the version where golang-migrate or tern stands is one.
        if matches!(self.foreign.tool, Tool::GolangMigrate | Tool::Tern) && found.find(self.set).is_none() {
            return self.missing(found);
        }
        let last = Version::new(found.version.clone(), self.set.order());
        for migration in self.set.iter().filter(|migration| *migration.version() <= last) {
            self.mark(migration, found);
        }
    }

    fn missing(&mut self, found: &Found) {
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

    fn mark(&mut self, migration: &'s dyn Migration, found: &Found) {
        if !self.taken.versions.insert(migration.version().clone()) {
            return;
        }
        let reason = format!("adopted from {} ({})", self.foreign.table, self.foreign.tool);
        let adopted = Adopted { at: found.at, took: found.took, witness: self.witness.clone() };
        self.taken.steps.push(Step::mark(migration).adopted(adopted, reason));
    }
}

fn is_repeatable(found: &Found) -> bool {
    found.version.starts_with("R__")
}

/// Another tool's history can't be taken over, or gone on with. Nothing was changed, neither here nor there.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no going on from the history {table} of {tool}; nothing was changed{}", list(self))]
#[non_exhaustive]
pub struct UnusableHistory {
    /// The tool.
    pub tool: Tool,
    /// Its table, with the schema.
    pub table: String,
    /// Everything that stands in the way.
    pub obstacles: Vec<Obstacle>,
}

crate::debug_as_display!(UnusableHistory);

/// What stands in the way of taking another tool's history over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A migration's file is not the one that was applied.
    Edited {
        /// The migration's name.
        name: String,
        /// The checksum that the tool has.
        then: ToolChecksum,
        /// The one of the file as it is now.
        now: Option<ToolChecksum>,
    },
    /// A migration was begun and did not end well.
    Failed {
        /// What the tool says of it.
        migration: Found,
        /// The tool's note of what went wrong.
        logs: Option<String>,
    },
    /// This library was interrupted in a migration while it kept the tool's table as its history.
    Interrupted {
        /// Its version, and its name where the tool keeps it.
        name: String,
    },
    /// The tool has applied a migration that the set does not have.
    Missing {
        /// Its version, and its name where the tool keeps it.
        name: String,
    },
}

fn list(not: &UnusableHistory) -> String {
    not.obstacles.iter().map(|obstacle| format!("\n{}", Shown { obstacle, not })).collect()
}

/// An obstacle with what to do about it.
struct Shown<'o> {
    obstacle: &'o Obstacle,
    not: &'o UnusableHistory,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnusableHistory { tool, table, .. } = self.not;
        match self.obstacle {
            Obstacle::Edited { name, then, now } => {
                write!(
                    f,
                    "- {name} was edited after {tool} applied it: {} was {}",
                    then.describe(),
                    short(then)
                )?;
                if let Some(now) = now {
                    write!(f, ", and is {} now", short(now))?;
                }
                write!(
                    f,
                    "\n  next: put the applied text back and make the change in a new migration; or, if the database is as the new text \
                     would have it, write the new checksum into {table}"
                )
            }
            Obstacle::Failed { migration, logs } => {
                write!(f, "- {migration} failed, says {tool}, and may be half applied")?;
                if let Some(line) = logs.as_deref().and_then(|logs| logs.trim().lines().next()) {
                    write!(f, " ({line})")?;
                }
                write!(f, "\n  next: {}", after_failure(*tool, table, &migration.version))
            }
            Obstacle::Interrupted { name } => write!(
                f,
                "- {name} was interrupted between its statements\n  next: `run` it to its end with {table} as the history"
            ),
            Obstacle::Missing { name } => write!(
                f,
                "- {name} was applied by {tool}, but it is missing from the binary\n  \
                 next: restore its file, or start the newest release first; or set `allow_missing` if it was removed on purpose"
            ),
        }
    }
}

/// How each tool wants a failed migration to be settled.
fn after_failure(tool: Tool, table: &str, version: &str) -> String {
    match tool {
        Tool::Prisma => format!(
            "if all that it does is there, `prisma migrate resolve --applied {version}`; if nothing of it is, \
             `prisma migrate resolve --rolled-back {version}`"
        ),
        Tool::Sqlx => format!(
            "if all that it does is there, UPDATE {table} SET success = true WHERE version = {version}; if nothing of it is, \
             DELETE FROM {table} WHERE version = {version}"
        ),
        Tool::GolangMigrate => format!(
            "if all that it does is there, `migrate force {version}`; if nothing of it is, `migrate force` with the version before it"
        ),
        Tool::Flyway => "take back what it did, and run `flyway repair`".to_owned(),
        _ => format!("complete it or take it back, and put its row in {table} right"),
    }
}

/// The beginning of a checksum.
fn short(checksum: &ToolChecksum) -> String {
    let text = checksum.to_string();
    match text.char_indices().nth(20) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
