//! What happens during a run, as it happens.

use crate::error::Failure;
use crate::history::Holder;
use crate::plan::{Action, Notice};
use crate::report::{Report, StepReport};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// One thing that happened during a run. [`Display`](fmt::Display) gives a line for a log; no event holds a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Somebody else is migrating; told again from time to time.
    #[non_exhaustive]
    WaitingForLock {
        /// How long the run has waited.
        waited: Duration,
        /// Who has the lock.
        holder: &'a Holder,
    },
    /// Something is worth saying though it stops nothing.
    #[non_exhaustive]
    Noticed {
        /// What it is.
        notice: &'a Notice,
    },
    /// The run has the lock and knows its steps.
    #[non_exhaustive]
    Started {
        /// How many there are.
        steps: usize,
    },
    /// The database is being dumped before anything is applied; told at once and from time to time.
    #[non_exhaustive]
    BackingUp {
        /// How many bytes are written so far.
        written: u64,
        /// How many the database has, all of its indexes included: a dump has fewer, as a rule.
        of: u64,
    },
    /// The database is dumped.
    #[non_exhaustive]
    BackedUp {
        /// The dump.
        file: &'a Path,
        /// How many bytes it has.
        bytes: u64,
        /// How long that took.
        took: Duration,
    },
    /// A step was begun, or sent on its way with others.
    #[non_exhaustive]
    StepStarted {
        /// The migration's name.
        name: &'a str,
        /// What is done with it.
        action: Action,
        /// Its place in the run, the first being 1.
        number: usize,
        /// How many steps the run has.
        of: usize,
    },
    /// A statement of a migration that runs statement by statement was committed.
    #[non_exhaustive]
    StatementDone {
        /// The migration's name.
        name: &'a str,
        /// The statement's place in the script, the first being 1.
        number: usize,
        /// How many statements the script has.
        of: usize,
    },
    /// A step waits for others to give up their locks; told when it has waited for a while, and from time to time.
    #[non_exhaustive]
    Blocked {
        /// The migration's name.
        name: &'a str,
        /// How long the run has waited since it last got on.
        waited: Duration,
        /// Who is in the way.
        blockers: &'a [Holder],
    },
    /// A session whose client is gone still runs the statement that the run is to go on with; told again from time to time.
    #[non_exhaustive]
    WaitingForStatement {
        /// The migration's name.
        name: &'a str,
        /// The statement's place in the script, the first being 1.
        number: usize,
        /// How long the run has waited.
        waited: Duration,
        /// Who runs it.
        holder: &'a Holder,
    },
    /// A step ran into a lock timeout or a deadlock, was rolled back, and will be tried again.
    #[non_exhaustive]
    Retrying {
        /// What it ran into.
        failure: &'a Failure,
        /// How often it was tried.
        attempts: u32,
        /// How long until the next try.
        pause: Duration,
    },
    /// A step is done and committed.
    #[non_exhaustive]
    StepDone {
        /// What was done.
        step: &'a StepReport,
        /// Its place in the run, the first being 1.
        number: usize,
        /// How many steps the run has.
        of: usize,
    },
    /// A step failed, and the run with it.
    #[non_exhaustive]
    Failed {
        /// The failure.
        failure: &'a Failure,
    },
    /// The run is over and all is well.
    #[non_exhaustive]
    Finished {
        /// What it did.
        report: &'a Report,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::WaitingForLock { waited, holder } => {
                write!(f, "waiting for the migration lock for {waited:.1?}: it is held by {holder}")
            }
            Event::Noticed { notice } => notice.fmt(f),
            Event::Started { steps: 1 } => f.write_str("1 step to take"),
            Event::Started { steps } => write!(f, "{steps} steps to take"),
            Event::BackingUp { written, .. } => write!(f, "backing up: {written} bytes so far"),
            Event::BackedUp { file, bytes, took } => {
                write!(f, "backed up to {} in {took:.1?}: {bytes} bytes", file.display())
            }
            Event::StepStarted { name, action, number, of } => write!(f, "{number} of {of}: {action} {name}"),
            Event::Blocked { name, waited, blockers } => {
                write!(f, "{name} waits for {waited:.1?}")?;
                blockers.iter().try_for_each(|blocker| write!(f, "; in the way: {blocker}"))
            }
            Event::StatementDone { name, number, of } => write!(f, "{name}: statement {number} of {of} done"),
            Event::WaitingForStatement { name, number, waited, holder } => {
                write!(
                    f,
                    "{name}: waiting for {waited:.1?} for statement {number}, which is still run by {holder}"
                )
            }
            Event::Retrying { failure, attempts, pause } => {
                write!(f, "{}: {}; attempt {attempts}, next in {pause:.1?}", failure.name, failure.message)?;
                failure.blockers.iter().try_for_each(|blocker| write!(f, "; in the way: {blocker}"))
            }
            Event::StepDone { step, number, of } => write!(f, "{number} of {of}: {step}"),
            Event::Failed { failure } => failure.fmt(f),
            Event::Finished { report } => report.fmt(f),
        }
    }
}

/// Is told of the events of a run. Every `FnMut(&Event)` is one.
pub trait Observer: Send {
    /// Takes note of an event. It runs between two messages to the server, so it should be quick.
    fn event(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>) + Send> Observer for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn event(&mut self, _: &Event<'_>) {}
}
