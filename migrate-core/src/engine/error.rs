//! The errors of a run.

use crate::display::printable::Printable;
use crate::engine::Holder;
use crate::engine::advice::{self, Cause, Words};
use crate::engine::report::Report;
use crate::plan::{Action, Refused};
use crate::set::version::Version;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The error of a run. Each variant says what state the database is in.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The history and the set contradict each other, or the request can't be fulfilled. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refused),

    /// Another run held the migration lock for longer than this one was to wait. Nothing was changed.
    #[error("{}", crate::clean!(
        "another run holds the migration lock: waited {waited:.1?} for {holder}; nothing was changed\n\
         next: wait for it to end, or allow a longer wait"
    ))]
    LockWait {
        /// How long the run waited.
        waited: Duration,
        /// The holder of the lock at the end of the wait.
        holder: Holder,
    },

    /// The lock was lost, so the run stopped before its next step.
    #[error("{}", crate::clean!(
        "the migration lock was lost, so the run stopped before its next step; {done} of its steps are done\n\
         next: run again; the next run continues where this one stopped"
    ))]
    LockLost {
        /// How many steps are done.
        done: usize,
    },

    /// A migration failed.
    #[error(transparent)]
    Failed(Box<Failure>),

    /// The backend failed.
    #[error(transparent)]
    Backend(BackendError),
}

crate::debug_as_display!(Error);

/// An error of the backend's own type.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// The error of [`crate::engine::Locked::apply`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ApplyError {
    /// A step failed, and was rolled back or stopped at its checkpoint.
    Failed(Box<Failure>),
    /// A step ran into a lock timeout or a deadlock and was rolled back: it may be retried.
    Contended(Box<Failure>),
    /// The history changed after the steps were planned: a run whose client was lost is still ending on the server. Nothing of
    /// the next step was done. The error is reported if the history turns out to be unchanged.
    HistoryChanged(Error),
    /// Another writer, such as another tool, is using the history; the run waits for it. Nothing of the next step was done.
    ForeignToolActive(Error),
    /// No connection is left to work with, and nothing of any step was done. The run releases the lock and tries again within its
    /// `lock_wait`; the error is reported if that does not help.
    Crowded(Error),
    /// Something other than a step failed.
    Other(Error),
}

impl ApplyError {
    /// The failure of a step.
    ///
    /// # Errors
    ///
    /// The error, if something other than a step failed.
    pub fn into_failure(self) -> Result<Box<Failure>, Error> {
        match self {
            ApplyError::Failed(failure) | ApplyError::Contended(failure) => Ok(failure),
            ApplyError::HistoryChanged(error)
            | ApplyError::ForeignToolActive(error)
            | ApplyError::Crowded(error)
            | ApplyError::Other(error) => Err(error),
        }
    }
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> ApplyError {
        ApplyError::Other(error)
    }
}

/// A migration that failed: where, why, what the database holds now, and how to go on.
#[non_exhaustive]
pub struct Failure {
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// Whether it was being applied or reverted.
    pub action: Action,
    /// Where in the script.
    pub place: Option<Place>,
    /// The five characters of SQLSTATE.
    pub code: Option<String>,
    /// The cause, if it is known and the SQLSTATE does not tell it.
    pub cause: Option<Cause>,
    /// The server's message, or the problem with the result of a verify query.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// The server's context: the call stack of functions.
    pub context: Option<String>,
    /// The objects that the server's error names.
    pub names: ErrorNames,
    /// The sessions that held the lock it waited for in vain.
    pub blockers: Vec<Holder>,
    /// The number of attempts.
    pub attempts: u32,
    /// The changes that it left in the database.
    pub left: Left,
    /// The steps that the run took before it.
    pub report: Report,
    /// The backend's error.
    pub source: Option<BackendError>,
}

crate::debug_as_display!(Failure);

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, relative to the migration directory.
    pub path: String,
    /// The line, the first being 1.
    pub line: u32,
    /// The column in characters, the first being 1.
    pub column: u32,
    /// The statement's number in the script, the first being 1.
    pub statement: usize,
    /// The number of statements in the script.
    pub statements: usize,
    /// The line of the script, without secrets.
    pub excerpt: String,
    /// The column in the excerpt; it differs from `column` if a secret before it was left out.
    pub mark: u32,
}

impl Place {
    /// A place in a script.
    pub fn new(path: impl Into<String>, line: u32, column: u32) -> Place {
        Place {
            path: path.into(),
            line,
            column,
            statement: 1,
            statements: 1,
            excerpt: String::new(),
            mark: column,
        }
    }

    /// The same place with its statement.
    pub fn in_statement(self, statement: usize, statements: usize, excerpt: impl Into<String>) -> Place {
        Place { statement, statements, excerpt: excerpt.into(), ..self }
    }

    /// The same place with its column in the excerpt.
    pub fn marked_at(self, mark: u32) -> Place {
        Place { mark, ..self }
    }
}

/// The changes that a failed migration left in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Left {
    /// Nothing: it was rolled back.
    Nothing,
    /// All of it: it is applied, and was only verified.
    Applied,
    /// It runs statement by statement: `done` of them are committed, and the next run resumes after them.
    Statements {
        /// The number of statements that are known to be done.
        done: usize,
        /// The number of statements it has.
        total: usize,
    },
    /// It runs statement by statement: `done` of them are committed, and only a person can tell whether the next one is done.
    InDoubt {
        /// The number of statements that are known to be done.
        done: usize,
        /// The number of statements it has.
        total: usize,
    },
}

impl Failure {
    /// A failure with only a message; the backend fills in what it knows.
    pub fn new(
        version: Version,
        name: impl Into<String>,
        action: Action,
        message: impl Into<String>,
    ) -> Failure {
        Failure {
            version,
            name: name.into(),
            action,
            place: None,
            code: None,
            cause: None,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            names: ErrorNames::default(),
            blockers: Vec::new(),
            attempts: 1,
            left: Left::Nothing,
            report: Report::default(),
            source: None,
        }
    }

    fn verb(&self) -> &'static str {
        match self.action {
            Action::Revert => "could not be reverted",
            _ => "failed",
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        self.write_what(f)?;
        self.write_state(f)?;
        write!(f, "\nnext: {}", self.next(Words::Library))
    }
}

impl Failure {
    fn write_what(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        write!(f, "migration {} {}", self.name, self.verb())?;
        if let Some(place) = &self.place {
            write!(f, " at {}:{}:{}", place.path, place.line, place.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(code) = &self.code {
            write!(f, " (SQLSTATE {code})")?;
        }
        if let Some(place) = &self.place {
            write_excerpt(f, place)?;
        }
        for (what, name) in self.names.beyond(&self.message) {
            write!(f, "\n{what}: {name}")?;
        }
        for (word, text) in [("detail", &self.detail), ("hint", &self.hint), ("context", &self.context)] {
            if let Some(text) = text {
                write!(f, "\n{word}: {text}")?;
            }
        }
        for blocker in &self.blockers {
            write!(f, "\nblocked by: {blocker}")?;
        }
        Ok(())
    }
}

/// Writes the line of the script with a mark under the place.
fn write_excerpt(f: &mut Printable<'_, '_>, place: &Place) -> fmt::Result {
    if place.excerpt.is_empty() {
        return Ok(());
    }
    let line = place.line.to_string();
    let margin = " ".repeat(line.len());
    let indent: String = place
        .excerpt
        .chars()
        .take(place.mark.saturating_sub(1) as usize)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    write!(f, "\n {margin} |  statement {} of {}", place.statement, place.statements)?;
    write!(f, "\n {line} | {}\n {margin} | {indent}^", place.excerpt)
}

impl Failure {
    fn write_state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        let Failure { name, report, .. } = self;
        f.write_str("\ndatabase: ")?;
        match (&self.left, self.action) {
            (Left::Nothing, Action::Revert) => write!(f, "{name} is applied as before")?,
            (Left::Nothing, _) => write!(f, "{name} left nothing behind")?,
            (Left::Applied, _) => write!(f, "{name} is applied, and was only verified")?,
            (Left::Statements { done, total }, _) if done == total => {
                let (all, are) =
                    if *total == 1 { ("the statement", "is") } else { ("all statements", "are") };
                write!(f, "{all} of {name} {are} done and committed, but it does not count as applied")?;
            }
            (Left::Statements { total: 1, .. }, _) => write!(f, "the statement of {name} is not done")?,
            (Left::Statements { done: 0, total }, _) => {
                write!(f, "none of the {total} statements of {name} is done")?;
            }
            (Left::Statements { done, total }, _) => {
                let are = if *done == 1 { "is" } else { "are" };
                write!(f, "{done} of the {total} statements of {name} {are} done and committed")?;
            }
            (Left::InDoubt { done, total }, _) => write!(
                f,
                "{done} of the {total} statements of {name} {} done and committed; \
                 statement {} may or may not have been done",
                if *done == 1 { "is" } else { "are" },
                done + 1
            )?,
        }
        if self.attempts > 1 {
            write!(f, " after {} attempts", self.attempts)?;
        }
        if self.left == Left::Applied {
            return Ok(());
        }
        match report.steps.as_slice() {
            [] => f.write_str("; this run did nothing before it"),
            [step] => write!(f, "; this run did one step before it: {step}"),
            [.., last] => {
                let count = report.steps.len();
                write!(f, "; this run did {count} steps before it, the last: {last}")
            }
        }
    }

    /// The advice on what to do next, for the library or the command line.
    pub fn next(&self, words: Words) -> String {
        if let Left::InDoubt { done, .. } = self.left {
            return format!(
                "check what the statement did, and call `resolve({:?}, …)` with \
                 `Resolution::ResumeAt({})` to run it, `Resolution::ResumeAt({})` to resume after it, \
                 `Resolution::Applied` if all of {name} is done, or `Resolution::Reverted` if you have undone it",
                self.version.as_written(),
                done + 1,
                done + 2,
                name = self.name,
            );
        }
        let goes_on = match (&self.left, self.action) {
            (Left::Applied, _) => "verify again",
            (Left::Statements { done, total }, _) if done == total => {
                "run again; the run continues with its verify script"
            }
            (Left::Nothing, Action::Revert) => "revert again; it continues with this migration",
            (Left::Nothing, _) => "run again; the run continues with this migration",
            (Left::Statements { .. } | Left::InDoubt { .. }, _) => {
                "run again; the run resumes at this statement"
            }
        };
        format!("{}, and {goes_on}", self.remedy(words))
    }

    /// What to fix before another attempt: a clause without a full stop.
    pub fn remedy(&self, words: Words) -> Cow<'static, str> {
        let code = self.code.as_deref().unwrap_or_default();
        let prepared = self.blockers.iter().find_map(|blocker| blocker.prepared.as_deref());
        if let Some(gid) = prepared {
            return format!(
                "end the blocking prepared transaction: ROLLBACK PREPARED '{0}', or COMMIT PREPARED '{0}'",
                gid.replace('\'', "''")
            )
            .into();
        }
        let is_revert = self.action == Action::Revert;
        let is_over_limit = matches!(self.cause, Some(Cause::MigrationLimit | Cause::RunLimit));
        if !self.blockers.is_empty() && !is_over_limit {
            return advice::find("55P03").map_or("", |advice| advice.text(words, is_revert)).into();
        }
        if let Some(grant) = advice::grant(&self.message).filter(|_| code == "42501") {
            return grant.into();
        }
        // A migration that runs statement by statement is already outside of transactions.
        let is_outside = self.left != Left::Nothing && matches!(code, "25001" | "2D000");
        if let Some(advice) = advice::find_cause(code, self.cause).filter(|_| !is_outside) {
            return advice.text(words, is_revert).into();
        }
        let default = match &self.left {
            Left::Nothing if is_revert => "correct the down script",
            Left::Nothing => "correct the script",
            Left::Applied => "fix what the verify script checks, or the verify script itself",
            Left::Statements { done, total } if done == total => {
                "fix what the verify script checks, or the verify script itself"
            }
            Left::Statements { .. } | Left::InDoubt { .. } => {
                "correct the statement, or fix what it ran into"
            }
        };
        default.into()
    }

    /// What went wrong and where, without the state of the database and the advice, which depend on the request.
    pub fn what(&self) -> impl fmt::Display + '_ {
        struct What<'f>(&'f Failure);
        impl fmt::Display for What<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_what(&mut Printable(f))
            }
        }
        What(self)
    }
}

/// The names of the objects that an error of the server is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorNames {
    /// The schema.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The data type.
    pub data_type: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
}

impl ErrorNames {
    /// The names that a message lacks, each with the kind of its object.
    fn beyond<'n>(&'n self, message: &'n str) -> impl Iterator<Item = (&'static str, &'n str)> {
        let ErrorNames { schema, table, column, data_type, constraint } = self;
        let names = [
            ("schema", schema),
            ("table", table),
            ("column", column),
            ("type", data_type),
            ("constraint", constraint),
        ];
        names
            .into_iter()
            .filter_map(|(what, name)| Some((what, name.as_deref()?)))
            .filter(|(what, name)| *what != "schema" && !message.contains(name))
    }
}
