//! Events: the progress of a run as it happens.

use crate::backfill::BackfillEvent;
use crate::display::printable::Printable;
use crate::engine::Holder;
use crate::engine::error::Failure;
use crate::engine::report::{Report, StepReport};
use crate::history::Notice;
use crate::plan::{Action, Step};
use crate::sql;
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// An event of a run. [`Display`](fmt::Display) gives a line for a log; no event holds a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another run holds the migration lock; repeated periodically.
    #[non_exhaustive]
    WaitingForLock {
        /// How long the run has waited.
        waited: Duration,
        /// The holder of the lock.
        holder: &'a Holder,
    },
    /// A notice that does not stop the run.
    #[non_exhaustive]
    Noticed {
        /// The notice.
        notice: &'a Notice,
    },
    /// The run has the lock and knows its steps.
    #[non_exhaustive]
    Started {
        /// The number of steps.
        steps: usize,
    },
    /// The database is being backed up before anything is applied; sent at once and then periodically.
    #[non_exhaustive]
    BackingUp {
        /// The number of bytes written so far.
        written: u64,
        /// The size of the database in bytes, indexes included; a dump is usually smaller.
        of: u64,
    },
    /// The backup is done.
    #[non_exhaustive]
    BackedUp {
        /// The file of the dump.
        file: &'a Path,
        /// Its size in bytes.
        bytes: u64,
        /// The duration of the backup.
        took: Duration,
    },
    /// A step was started, or sent to the server together with others.
    #[non_exhaustive]
    StepStarted {
        /// The migration's name.
        name: &'a str,
        /// The action.
        action: Action,
        /// Its number in the run, starting at 1.
        number: usize,
        /// The number of steps in the run.
        of: usize,
    },
    /// A statement of a script was started.
    #[non_exhaustive]
    StatementStarted {
        /// The statement.
        statement: RunningStatement<'a>,
    },
    /// The server sent a message besides its results: a warning, or a notice that a script raised. Only
    /// connections that the run opened itself report it; with a pool or a `Client`, their owner receives it.
    #[non_exhaustive]
    ServerSaid {
        /// The message.
        message: &'a ServerMessage,
        /// The migration's name.
        name: &'a str,
        /// The action.
        action: Action,
        /// The statement of the script that the message belongs to; `None` for the bookkeeping around the
        /// script.
        statement: Option<RunningStatement<'a>>,
    },
    /// A statement of a script was done.
    #[non_exhaustive]
    StatementDone {
        /// The migration's name.
        name: &'a str,
        /// The statement's number in the script, starting at 1.
        number: usize,
        /// The number of statements in the script.
        of: usize,
        /// Its duration, by this machine's clock; `None` if the server reported several statements at once.
        took: Option<Duration>,
        /// True if it is committed, as in a migration that runs statement by statement. Other statements are
        /// committed with their migration.
        is_committed: bool,
    },
    /// An activity is slow; sent when it reaches the configured time, and each time its age has doubled.
    #[non_exhaustive]
    Slow {
        /// The slow activity.
        work: Activity<'a>,
        /// How long it has been running.
        age: Duration,
        /// The blocking sessions, if they could be determined.
        blockers: &'a [Holder],
    },
    /// A step waits for locks of other sessions; sent after a delay and then periodically.
    #[non_exhaustive]
    Blocked {
        /// The migration's name.
        name: &'a str,
        /// How long the run has waited since it last made progress.
        waited: Duration,
        /// The blocking sessions.
        blockers: &'a [Holder],
    },
    /// A disconnected client's session is still running the statement at which the run is to resume; repeated
    /// periodically.
    #[non_exhaustive]
    WaitingForStatement {
        /// The migration's name.
        name: &'a str,
        /// The statement's number in the script, starting at 1.
        number: usize,
        /// How long the run has waited.
        waited: Duration,
        /// The session that runs it.
        holder: &'a Holder,
    },
    /// A step hit a lock timeout or a deadlock, was rolled back, and will be retried.
    #[non_exhaustive]
    Retrying {
        /// The failure.
        failure: &'a Failure,
        /// The number of attempts so far.
        attempts: u32,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// A step is done and committed.
    #[non_exhaustive]
    StepDone {
        /// The step.
        step: &'a StepReport,
        /// Its number in the run, starting at 1.
        number: usize,
        /// The number of steps in the run.
        of: usize,
    },
    /// A step failed, and with it the run.
    #[non_exhaustive]
    Failed {
        /// The failure.
        failure: &'a Failure,
    },
    /// The run ended with an error other than a failed step: for example, the lock was not released in time,
    /// or the history and the set contradict each other.
    #[non_exhaustive]
    Stopped {
        /// The error.
        error: &'a (dyn std::error::Error + 'static),
    },
    /// An event of a backfill, which runs after the run that began it.
    Backfill(&'a BackfillEvent<'a>),
    /// The run succeeded.
    #[non_exhaustive]
    Finished {
        /// Its report.
        report: &'a Report,
    },
}

/// The severity of a message from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For debugging.
    Debug,
    /// For the server's log.
    Log,
    /// Requested by a command.
    Info,
    /// Information.
    Notice,
    /// A possible problem.
    Warning,
}

impl Severity {
    /// The server's name for it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Debug => "DEBUG",
            Severity::Log => "LOG",
            Severity::Info => "INFO",
            Severity::Notice => "NOTICE",
            Severity::Warning => "WARNING",
        }
    }
}

/// A message that the server sent besides its results, with secrets redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMessage {
    /// Its severity.
    pub severity: Severity,
    /// The five characters of SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// The server's context: the call stack of functions.
    pub context: Option<String>,
}

impl ServerMessage {
    /// Creates a message without detail, hint and context.
    pub fn new(severity: Severity, code: impl Into<String>, message: impl Into<String>) -> ServerMessage {
        let (code, message) = (code.into(), message.into());
        ServerMessage { severity, code, message, detail: None, hint: None, context: None }
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        write!(f, "{}: {}", self.severity.word(), self.message)?;
        for (word, text) in [("detail", &self.detail), ("hint", &self.hint)] {
            if let Some(text) = text {
                write!(f, "; {word}: {text}")?;
            }
        }
        Ok(())
    }
}

/// A running statement.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RunningStatement<'a> {
    /// The migration's name.
    pub name: &'a str,
    /// The action.
    pub action: Action,
    /// The statement's number in the script, starting at 1.
    pub number: usize,
    /// The number of statements in the script.
    pub of: usize,
    /// The script's file, relative to the migration directory.
    pub path: &'a str,
    /// The line at which the statement begins, starting at 1.
    pub line: u32,
    /// Its text.
    pub text: StatementText<'a>,
    /// The server process that runs it, if known.
    pub pid: Option<i32>,
}

impl<'a> RunningStatement<'a> {
    /// Refers to a statement of a step's script, starting at 1.
    pub(crate) fn of(step: &'a Step<'_>, number: usize, pid: Option<i32>) -> Option<RunningStatement<'a>> {
        let script = step.script()?;
        let statement = script.statements().get(number.checked_sub(1)?)?;
        Some(RunningStatement {
            name: &step.name,
            action: step.action,
            number,
            of: script.statements().len(),
            path: script.path(),
            line: statement.line(),
            text: StatementText(statement.text(script.text())),
            pid,
        })
    }
}

impl fmt::Display for RunningStatement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunningStatement { name, number, of, path, line, text, .. } = self;
        write!(f, "{name}: statement {number} of {of} at {path}:{line}, {}", text.summary())
    }
}

/// A statement's text for display: [`sql::redact`] removes its secrets.
#[derive(Clone, Copy)]
pub struct StatementText<'a>(&'a str);

impl StatementText<'_> {
    /// The text with its secrets redacted.
    pub fn redacted(&self) -> Cow<'_, str> {
        sql::redact(self.0)
    }

    /// A summary of a few words: see [`sql::summary`].
    pub fn summary(&self) -> String {
        sql::summary(self.0)
    }
}

impl fmt::Display for StatementText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for StatementText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.redacted().fmt(f)
    }
}

/// The current activity of a run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Activity<'a> {
    /// Waiting for the migration lock.
    Lock,
    /// Running a statement of a script.
    Statement(RunningStatement<'a>),
    /// The bookkeeping around a step's script: its row in the history, its deferred constraints, its verify
    /// script, its commit.
    #[non_exhaustive]
    Around {
        /// The migration's name.
        name: &'a str,
        /// The action.
        action: Action,
    },
    /// A migration of which no single statement is slow.
    #[non_exhaustive]
    Migration {
        /// The migration's name.
        name: &'a str,
        /// The action.
        action: Action,
    },
    /// The whole run, from the moment it has the lock, if no single migration is slow.
    Run,
    /// Steps that were sent together; the server has not yet reported its progress.
    #[non_exhaustive]
    Batch {
        /// The name of the first migration that is not known to be done.
        name: &'a str,
        /// The action.
        action: Action,
    },
}

impl<'a> Activity<'a> {
    /// A statement of a step's script, starting at 1.
    pub fn statement(step: &'a Step<'_>, number: usize, pid: Option<i32>) -> Activity<'a> {
        RunningStatement::of(step, number, pid).map_or_else(|| Activity::around(step), Activity::Statement)
    }

    /// The bookkeeping around a step's script.
    pub fn around(step: &'a Step<'_>) -> Activity<'a> {
        Activity::Around { name: &step.name, action: step.action }
    }

    /// A migration as a whole.
    pub fn migration(step: &'a Step<'_>) -> Activity<'a> {
        Activity::Migration { name: &step.name, action: step.action }
    }

    /// Steps that were sent together; this is the first one that is not known to be done.
    pub fn batch(step: &'a Step<'_>) -> Activity<'a> {
        Activity::Batch { name: &step.name, action: step.action }
    }
}

impl Activity<'_> {
    /// The identifier for labels and fields.
    pub fn word(&self) -> &'static str {
        match self {
            Activity::Lock => "lock",
            Activity::Statement(_) => "statement",
            Activity::Around { .. } => "around",
            Activity::Migration { .. } => "migration",
            Activity::Run => "run",
            Activity::Batch { .. } => "batch",
        }
    }
}

impl fmt::Display for Activity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activity::Lock => f.write_str("waiting for the migration lock"),
            Activity::Statement(running) => running.fmt(f),
            Activity::Around { name, .. } => {
                write!(f, "{name}: the statements that the run adds to its script")
            }
            Activity::Migration { name, action } => write!(f, "the whole migration, {action} {name}"),
            Activity::Run => f.write_str("the whole run"),
            Activity::Batch { name, .. } => write!(f, "{name}, or another step in the same message"),
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&mut Printable(f))
    }
}

impl Event<'_> {
    fn write(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Event::WaitingForLock { waited, holder } => {
                write!(f, "waiting for the migration lock for {waited:.1?}; it is held by {holder}")
            }
            Event::Noticed { notice } => write!(f, "{notice}"),
            Event::Started { steps: 1 } => f.write_str("1 step to take"),
            Event::Started { steps } => write!(f, "{steps} steps to take"),
            Event::BackingUp { written, .. } => write!(f, "backing up: {written} bytes so far"),
            Event::BackedUp { file, bytes, took } => {
                write!(f, "backed up to {} in {took:.1?}: {bytes} bytes", file.display())
            }
            Event::StepStarted { name, action, number, of } => write!(f, "{number} of {of}: {action} {name}"),
            Event::Blocked { name, waited, blockers } => {
                write!(f, "{name} has waited for {waited:.1?}")?;
                blockers.iter().try_for_each(|blocker| write!(f, "; blocked by: {blocker}"))
            }
            Event::StatementStarted { statement } => write!(f, "{statement}"),
            Event::ServerSaid { message, name, statement, .. } => match statement {
                Some(RunningStatement { number, path, line, .. }) => {
                    write!(f, "{name}: statement {number} at {path}:{line}: {message}")
                }
                None => write!(f, "{name}: {message}"),
            },
            Event::StatementDone { name, number, of, .. } => {
                write!(f, "{name}: statement {number} of {of} done")
            }
            Event::Slow { work, age, blockers } => {
                write!(f, "slow: {work}, for {age:.1?}")?;
                blockers.iter().try_for_each(|blocker| write!(f, "; blocked by: {blocker}"))
            }
            Event::WaitingForStatement { name, number, waited, holder } => {
                write!(
                    f,
                    "{name}: has waited {waited:.1?} for another session to finish statement {number}: {holder}"
                )
            }
            Event::Retrying { failure, attempts, pause } => {
                write!(f, "{}: {}; attempt {attempts}, next in {pause:.1?}", failure.name, failure.message)?;
                failure.blockers.iter().try_for_each(|blocker| write!(f, "; blocked by: {blocker}"))
            }
            Event::StepDone { step, number, of } => write!(f, "{number} of {of}: {step}"),
            Event::Failed { failure } => write!(f, "{failure}"),
            Event::Stopped { error } => write!(f, "{error}"),
            Event::Backfill(event) => write!(f, "{event}"),
            Event::Finished { report } => write!(f, "{report}"),
        }
    }
}

/// An observer of a run's events. Every `FnMut(&Event)` is one.
pub trait Observer: Send {
    /// Receives an event. The call happens between two messages to the server, so it should return quickly.
    fn event(&mut self, event: &Event<'_>);

    /// True if events are used. If not, a backend can skip queries that serve only an observer.
    fn is_listening(&self) -> bool {
        true
    }
}

impl<F: FnMut(&Event<'_>) + Send> Observer for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// An observer that ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn event(&mut self, _: &Event<'_>) {}

    fn is_listening(&self) -> bool {
        false
    }
}
