//! What happens during a run, as it happens.

use crate::display::printable::Printable;
use crate::engine::Holder;
use crate::engine::error::{Error, Failure};
use crate::engine::report::{Report, StepReport};
use crate::history::Notice;
use crate::plan::{Action, Step};
use crate::sql;
use std::borrow::Cow;
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
    /// A statement of a script is run from now on.
    #[non_exhaustive]
    StatementStarted {
        /// Which.
        statement: Running<'a>,
    },
    /// The server said something beside its answers: a notice that a script raised, a warning. Heard over connections that the
    /// run has opened itself; over a pool or a `Client` their owner hears it.
    #[non_exhaustive]
    ServerSaid {
        /// What it said.
        message: &'a ServerMessage,
        /// The migration's name.
        name: &'a str,
        /// What is done with it.
        action: Action,
        /// The statement of the script that it belongs to; none where it belongs to what is done around it.
        statement: Option<Running<'a>>,
    },
    /// A statement of a script was done.
    #[non_exhaustive]
    StatementDone {
        /// The migration's name.
        name: &'a str,
        /// The statement's place in the script, the first being 1.
        number: usize,
        /// How many statements the script has.
        of: usize,
        /// How long it took, as seen from here; none where the server told of several statements at once.
        took: Option<Duration>,
        /// Whether it is committed: so are the statements of a migration that runs statement by statement, each for itself.
        /// The others are committed with their migration.
        is_committed: bool,
    },
    /// Something takes long: told when it has taken as long as the run's settings say, and each time that has doubled.
    #[non_exhaustive]
    Slow {
        /// What takes long.
        work: Work<'a>,
        /// For how long it has been under way.
        age: Duration,
        /// Who is in the way, as far as somebody could look.
        blockers: &'a [Holder],
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
    /// The run ended with an error other than a step's failure: nobody gave the lock back in time, say, or history and set
    /// contradict each other.
    #[non_exhaustive]
    Stopped {
        /// The error.
        error: &'a Error,
    },
    /// The run is over and all is well.
    #[non_exhaustive]
    Finished {
        /// What it did.
        report: &'a Report,
    },
}

/// How much a message of the server's matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For who looks for a fault.
    Debug,
    /// For the server's log.
    Log,
    /// Asked for by a command.
    Info,
    /// Worth knowing.
    Notice,
    /// Worth a look: something is not as it should be.
    Warning,
}

impl Severity {
    /// The server's word for it.
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

/// Something that the server said beside its answers, secrets left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMessage {
    /// How much it matters.
    pub severity: Severity,
    /// The five characters of SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The lines of the functions that the server was in.
    pub context: Option<String>,
}

impl ServerMessage {
    /// A message and nothing else.
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

/// A statement that is being run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Running<'a> {
    /// The migration's name.
    pub name: &'a str,
    /// What is done with it.
    pub action: Action,
    /// The statement's place in the script, the first being 1.
    pub number: usize,
    /// How many statements the script has.
    pub of: usize,
    /// The script's file, relative to the migration directory.
    pub path: &'a str,
    /// The line that the statement begins on, the first being 1.
    pub line: u32,
    /// Its text.
    pub text: StatementText<'a>,
    /// The server process that runs it, where that is known.
    pub pid: Option<i32>,
}

impl<'a> Running<'a> {
    /// A statement of a step's script, the first being 1.
    pub(crate) fn of(step: &'a Step<'_>, number: usize, pid: Option<i32>) -> Option<Running<'a>> {
        let script = step.script()?;
        let statement = script.statements().get(number.checked_sub(1)?)?;
        Some(Running {
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

impl fmt::Display for Running<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Running { name, number, of, path, line, text, .. } = self;
        write!(f, "{name}: statement {number} of {of} at {path}:{line}, {}", text.summary())
    }
}

/// A statement's text, to be shown: its secrets are left out, as [`sql::redact`] does.
#[derive(Clone, Copy)]
pub struct StatementText<'a>(&'a str);

impl StatementText<'_> {
    /// The text without its secrets.
    pub fn redacted(&self) -> Cow<'_, str> {
        sql::redact(self.0)
    }

    /// What it does and to what, in a few words: see [`sql::summary`].
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

/// What a run is at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Work<'a> {
    /// It waits for the migration lock.
    Lock,
    /// A statement of a script.
    Statement(Running<'a>),
    /// What is done around a step's script: its row in the history, its deferred constraints, its verify script, its commit.
    #[non_exhaustive]
    Around {
        /// The migration's name.
        name: &'a str,
        /// What is done with it.
        action: Action,
    },
    /// A migration, no statement of which takes long by itself.
    #[non_exhaustive]
    Migration {
        /// The migration's name.
        name: &'a str,
        /// What is done with it.
        action: Action,
    },
    /// The whole run, from when it has the lock, no migration of which takes long by itself.
    Run,
    /// Steps that were sent together, of which the server has not yet told how far they are.
    #[non_exhaustive]
    Batch {
        /// The name of the first migration that is not known to be done.
        name: &'a str,
        /// What is done with it.
        action: Action,
    },
}

impl<'a> Work<'a> {
    /// A statement of a step's script, the first being 1.
    pub fn statement(step: &'a Step<'_>, number: usize, pid: Option<i32>) -> Work<'a> {
        Running::of(step, number, pid).map_or_else(|| Work::around(step), Work::Statement)
    }

    /// What is done around a step's script.
    pub fn around(step: &'a Step<'_>) -> Work<'a> {
        Work::Around { name: &step.name, action: step.action }
    }

    /// Steps that were sent together, of which this is the first that is not known to be done.
    pub fn batch(step: &'a Step<'_>) -> Work<'a> {
        Work::Batch { name: &step.name, action: step.action }
    }
}

impl Work<'_> {
    /// A word for labels and fields.
    pub fn word(&self) -> &'static str {
        match self {
            Work::Lock => "lock",
            Work::Statement(_) => "statement",
            Work::Around { .. } => "around",
            Work::Migration { .. } => "migration",
            Work::Run => "run",
            Work::Batch { .. } => "batch",
        }
    }
}

impl fmt::Display for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Lock => f.write_str("waiting for the migration lock"),
            Work::Statement(running) => running.fmt(f),
            Work::Around { name, .. } => write!(f, "{name}: what is done around its script"),
            Work::Migration { name, action } => write!(f, "the whole migration, {action} {name}"),
            Work::Run => f.write_str("the whole run"),
            Work::Batch { name, .. } => write!(f, "{name}, or what was sent together with it"),
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
                write!(f, "waiting for the migration lock for {waited:.1?}: it is held by {holder}")
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
                write!(f, "{name} waits for {waited:.1?}")?;
                blockers.iter().try_for_each(|blocker| write!(f, "; in the way: {blocker}"))
            }
            Event::StatementStarted { statement } => write!(f, "{statement}"),
            Event::ServerSaid { message, name, statement, .. } => match statement {
                Some(Running { number, path, line, .. }) => {
                    write!(f, "{name}: statement {number} at {path}:{line}: {message}")
                }
                None => write!(f, "{name}: {message}"),
            },
            Event::StatementDone { name, number, of, .. } => {
                write!(f, "{name}: statement {number} of {of} done")
            }
            Event::Slow { work, age, blockers } => {
                write!(f, "slow: {work}, for {age:.1?}")?;
                blockers.iter().try_for_each(|blocker| write!(f, "; in the way: {blocker}"))
            }
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
            Event::Failed { failure } => write!(f, "{failure}"),
            Event::Stopped { error } => write!(f, "{error}"),
            Event::Finished { report } => write!(f, "{report}"),
        }
    }
}

/// Is told of the events of a run. Every `FnMut(&Event)` is one.
pub trait Observer: Send {
    /// Takes note of an event. It runs between two messages to the server, so it should be quick.
    fn event(&mut self, event: &Event<'_>);

    /// Whether anybody hears it. Where nobody does, a backend need not find out what only an observer would hear.
    fn is_listening(&self) -> bool {
        true
    }
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

    fn is_listening(&self) -> bool {
        false
    }
}
