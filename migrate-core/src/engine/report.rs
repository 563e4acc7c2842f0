//! What a run did.

use crate::history::Notice;
use crate::plan::Action;
use crate::set::version::Version;
use std::fmt;
use std::time::Duration;

/// What a run did, step by step.
///
/// [`Display`](fmt::Display) gives one line for a log; the fields are there for everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The set.
    pub set: String,
    /// What was done, in order; empty when there was nothing to do.
    pub steps: Vec<StepReport>,
    /// What is worth saying though it stopped nothing.
    pub notices: Vec<Notice>,
    /// How many migrations are applied now, as far as the run had to know: all of the set's after a boot with
    /// nothing to do.
    pub applied: usize,
    /// The name of the last applied migration, if there is one.
    pub last: Option<String>,
    /// How long the run waited for somebody else's.
    pub waited: Duration,
    /// How long it took altogether, by this machine's clock.
    pub took: Duration,
}

impl Report {
    /// Whether there was nothing to do.
    pub fn is_noop(&self) -> bool {
        self.steps.is_empty()
    }
}

/// What was done with one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// What was done.
    pub action: Action,
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// How many statements were run.
    pub statements: usize,
    /// How long it took, by the server's clock.
    pub took: Duration,
    /// How often it was tried before it succeeded, this time included.
    pub attempts: u32,
    /// How many notices the server sent, as far as they were heard.
    pub notices: u32,
    /// How many warnings the server sent, as far as they were heard.
    pub warnings: u32,
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut crate::display::printable::Printable(f);
        write!(f, "{} {}", self.name, self.action.past())?;
        if matches!(self.action, Action::Apply | Action::Revert) {
            write!(f, " in {:.1?}", self.took)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut crate::display::printable::Printable(f);
        let counts = self.counts();
        if counts.is_empty() {
            f.write_str("nothing to do")?;
        } else {
            let parts: Vec<String> = counts.into_iter().map(|(action, count)| done(action, count)).collect();
            write!(f, "{} in {:.1?}", parts.join(", "), self.took)?;
        }
        match (&self.last, self.steps.is_empty()) {
            (Some(last), true) => write!(f, "; at {last} ({} applied)", self.applied)?,
            (Some(last), false) => write!(f, "; now at {last} ({} applied)", self.applied)?,
            (None, true) => f.write_str("; no migration is applied")?,
            (None, false) => f.write_str("; no migration is applied now")?,
        }
        self.notices.iter().try_for_each(|notice| write!(f, "; {notice}"))
    }
}

/// What was done with so many migrations: `applied 2 migrations`.
fn done(action: Action, count: usize) -> String {
    let migrations = if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") };
    match action {
        Action::Apply | Action::Revert => format!("{} {migrations}", action.past()),
        _ => format!("{migrations} {}", action.past()),
    }
}

impl Report {
    /// How many steps of each kind, in the order of their first.
    fn counts(&self) -> Vec<(Action, usize)> {
        let mut counts: Vec<(Action, usize)> = Vec::new();
        for step in &self.steps {
            match counts.iter_mut().find(|(action, _)| *action == step.action) {
                Some((_, count)) => *count += 1,
                None => counts.push((step.action, 1)),
            }
        }
        counts
    }
}
