//! The changes that a run had committed when it stopped.

use crate::advice::{Again, Left};
use crate::display::printable::Printable;
use crate::engine::report::Report;
use crate::plan::{Action, Step};
use crate::set::version::Version;
use std::fmt;

/// The changes that a run had committed when it stopped, as far as the server has confirmed them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The report of the steps that are done.
    pub report: Report,
    /// The migration that the run stopped at, if some of its statements are committed.
    pub part: Option<CommittedPart>,
}

/// The committed statements of a migration that runs statement by statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommittedPart {
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The action: applying or reverting it.
    pub action: Action,
    /// The number of statements that are certainly done.
    pub done: usize,
    /// The number of its statements.
    pub total: usize,
    /// False if an earlier run has committed all of them.
    pub is_of_this_run: bool,
}

impl CommittedPart {
    /// The first `done` of a migration's statements, which this run has committed.
    pub fn new(
        version: Version,
        name: impl Into<String>,
        action: Action,
        done: usize,
        total: usize,
    ) -> CommittedPart {
        CommittedPart { version, name: name.into(), action, done, total, is_of_this_run: true }
    }

    pub(super) fn of(step: &Step<'_>, done: usize, is_of_this_run: bool) -> CommittedPart {
        let (version, name) = (step.version.clone(), step.name.clone());
        let part = CommittedPart::new(version, name, step.action, done, step.statement_count());
        CommittedPart { is_of_this_run, ..part }
    }

    fn left(&self) -> Left {
        Left::Statements { done: self.done, total: self.total }
    }
}

impl Committed {
    /// The work that a run had committed when it stopped.
    pub fn new(report: Report, part: Option<CommittedPart>) -> Committed {
        Committed { report, part }
    }

    /// True if the run has committed nothing.
    pub fn is_nothing(&self) -> bool {
        self.report.steps.is_empty() && !self.part.as_ref().is_some_and(|part| part.is_of_this_run)
    }

    /// The changes left behind by a run that stopped at an error, which left `of_error` itself.
    pub fn left(&self, of_error: Left) -> Left {
        match (of_error, &self.part) {
            (Left::Nothing, Some(part)) => part.left(),
            (Left::Statements { done, .. }, Some(part)) if part.done > done => part.left(),
            (Left::Nothing, None) if !self.report.steps.is_empty() => {
                Left::Steps { done: self.report.steps.len() }
            }
            (left, _) => left,
        }
    }

    /// Writes the state of the database, behind the fact of an error that left `of_error` itself.
    ///
    /// # Errors
    ///
    /// As the underlying formatter.
    pub fn write(&self, f: &mut Printable<'_, '_>, of_error: Left) -> fmt::Result {
        f.write_str("\ndatabase: ")?;
        match &self.part {
            Some(part) => {
                write_statements(f, &part.name, part.action, part.done, part.total)?;
                f.write_str("; ")?;
                write_earlier_steps(f, &self.report, "before it")?;
            }
            None => write_earlier_steps(f, &self.report, "before it stopped")?,
        }
        if of_error == Left::Unknown {
            f.write_str("; what it was executing may be done, too")
        } else {
            Ok(())
        }
    }

    /// The request that continues where the run stopped.
    pub fn again(&self) -> Again {
        let last = self.report.steps.last().map(|step| step.action);
        let is_done = |part: &CommittedPart| part.done == part.total;
        match self.part.as_ref().map(|part| (part.action, is_done(part))) {
            Some((Action::Revert, false)) => Again::RevertFindsOut,
            Some((Action::Revert, true)) => Again::Revert,
            Some((_, false)) => Again::FindsOut,
            Some((_, true)) => Again::WhereItStopped,
            None => match last {
                Some(Action::Revert) => Again::RevertRest,
                Some(Action::Mark | Action::Unmark | Action::Rewind | Action::Accept) => Again::Request,
                Some(Action::Apply) | None => Again::WhereItStopped,
            },
        }
    }
}

/// Writes how many statements of a migration are committed.
pub(super) fn write_statements(
    f: &mut Printable<'_, '_>,
    name: &str,
    action: Action,
    done: usize,
    total: usize,
) -> fmt::Result {
    let (script, counts) = match action {
        Action::Revert => ("the down script of ", "it still counts as applied"),
        _ => ("", "it does not count as applied"),
    };
    match (done, total) {
        (done, 1) if done == total => {
            write!(f, "the statement of {script}{name} is done and committed, but {counts}")
        }
        (done, total) if done == total => {
            write!(f, "all statements of {script}{name} are done and committed, but {counts}")
        }
        (_, 1) => write!(f, "the statement of {script}{name} is not done"),
        (0, total) => write!(f, "none of the {total} statements of {script}{name} is done"),
        (done, total) => {
            let are = if done == 1 { "is" } else { "are" };
            write!(f, "{done} of the {total} statements of {script}{name} {are} done and committed")
        }
    }
}

/// Writes the steps that a run took before it stopped.
pub(super) fn write_earlier_steps(f: &mut Printable<'_, '_>, report: &Report, before: &str) -> fmt::Result {
    match report.steps.as_slice() {
        [] => write!(f, "this run did nothing {before}"),
        [step] => write!(f, "this run did one step {before}: {step}"),
        [.., last] => write!(f, "this run did {} steps {before}, the last: {last}", report.steps.len()),
    }
}
