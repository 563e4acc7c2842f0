//! The report of a run.

use crate::history::Notice;
use crate::plan::Action;
use crate::set::version::Version;
use std::fmt;
use std::time::Duration;

/// The report of a run, step by step.
///
/// [`Display`](fmt::Display) gives one line for a log; the fields hold the details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The set.
    pub set: String,
    /// The steps taken, in order; empty if there was nothing to do.
    pub steps: Vec<StepReport>,
    /// The notices, which did not stop the run.
    pub notices: Vec<Notice>,
    /// The number of applied migrations, as far as the run needed to know it: all of the set's after a boot
    /// with nothing to do.
    pub applied: usize,
    /// The name of the last applied migration, if there is one.
    pub last: Option<String>,
    /// The time that the run waited for another one.
    pub waited: Duration,
    /// The total duration, by this machine's clock.
    pub took: Duration,
}

impl Report {
    /// True if there was nothing to do.
    pub fn is_noop(&self) -> bool {
        self.steps.is_empty()
    }
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// The action.
    pub action: Action,
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The number of statements that were run, as far as they are known: none of Rust code.
    pub statements: usize,
    /// True if it is Rust code.
    pub is_code: bool,
    /// The duration, by the server's clock.
    pub took: Duration,
    /// The number of attempts, including the successful one.
    pub attempts: u32,
    /// The number of notices the server sent, as far as they were received.
    pub notices: u32,
    /// The number of warnings the server sent, as far as they were received.
    pub warnings: u32,
}

impl StepReport {
    /// The report of a step that ran nothing and took no time.
    pub fn new(action: Action, version: Version, name: impl Into<String>) -> StepReport {
        StepReport {
            action,
            version,
            name: name.into(),
            statements: 0,
            is_code: false,
            took: Duration::ZERO,
            attempts: 1,
            notices: 0,
            warnings: 0,
        }
    }
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

/// An action and the number of its migrations: `applied 2 migrations`.
fn done(action: Action, count: usize) -> String {
    let migrations = if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") };
    match action {
        Action::Apply | Action::Revert => format!("{} {migrations}", action.past()),
        _ => format!("{migrations} {}", action.past()),
    }
}

impl Report {
    /// The number of steps of each action, in the order of the first one.
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
