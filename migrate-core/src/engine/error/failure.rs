//! A failed migration.

use crate::advice::{self, Advice, Again, Cause, Explain, Left, MissingRight, NextStep};
use crate::display::printable::Printable;
use crate::engine::Holder;
use crate::engine::committed::{write_earlier_steps, write_statements};
use crate::engine::report::Report;
use crate::plan::Action;
use crate::set::version::Version;
use std::fmt;

/// A failed migration: the position, the cause, the state of the database, and the way forward.
#[non_exhaustive]
pub struct Failure {
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The action that failed.
    pub action: Action,
    /// The position in the script.
    pub place: Option<Place>,
    /// The five characters of SQLSTATE.
    pub code: Option<String>,
    /// The cause, if it is known and the SQLSTATE does not imply it.
    pub cause: Option<Cause>,
    /// The privilege that the role lacks, if that is the cause and the server names it.
    pub missing_right: Option<MissingRight>,
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
    /// The sessions that held the lock that it could not get.
    pub blockers: Vec<Holder>,
    /// The number of attempts.
    pub attempts: u32,
    /// The changes that it left in the database.
    pub left: Left,
    /// The steps that the run took before the failure.
    pub report: Report,
    /// True if the migration is Rust code.
    pub is_code: bool,
    /// The backend's error.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

crate::display_as_explained!(Failure);

/// A position in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, relative to the migration directory.
    pub path: String,
    /// The line, starting at 1.
    pub line: u32,
    /// The column in characters, starting at 1.
    pub column: u32,
    /// The statement's number in the script, starting at 1.
    pub statement: usize,
    /// The number of statements in the script.
    pub statements: usize,
    /// The line of the script, with secrets redacted.
    pub excerpt: String,
    /// The column in the excerpt; it differs from `column` if a secret before it was redacted.
    pub mark: u32,
}

impl Place {
    /// Creates a position in a script.
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

    /// Adds the statement.
    pub fn in_statement(self, statement: usize, statements: usize, excerpt: impl Into<String>) -> Place {
        Place { statement, statements, excerpt: excerpt.into(), ..self }
    }

    /// Sets the column in the excerpt.
    pub fn marked_at(self, mark: u32) -> Place {
        Place { mark, ..self }
    }
}

impl Failure {
    /// Creates a failure with only a message; the backend adds the rest.
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
            missing_right: None,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            names: ErrorNames::default(),
            blockers: Vec::new(),
            attempts: 1,
            left: Left::Nothing,
            report: Report::default(),
            is_code: false,
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

impl Explain for Failure {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
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

    fn left(&self) -> Left {
        self.left
    }

    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        let Failure { name, report, .. } = self;
        f.write_str("\ndatabase: ")?;
        match (self.left, self.action) {
            (Left::Nothing, Action::Revert) => write!(f, "{name} is applied as before")?,
            (Left::Nothing, _) => write!(f, "{name} left nothing behind")?,
            (Left::Applied, _) => write!(f, "{name} is applied, and was only verified")?,
            (Left::Statements { done, total }, action) => write_statements(f, name, action, done, total)?,
            (Left::InDoubt { done, total }, action) => write!(
                f,
                "{done} of the {total} statements of {}{name} {} done and committed; \
                 statement {} may or may not have been done",
                if action == Action::Revert { "the down script of " } else { "" },
                if done == 1 { "is" } else { "are" },
                done + 1
            )?,
            (Left::Code, _) => write!(
                f,
                "what the code of {name} committed before it stopped stays; the next run runs it again from its beginning"
            )?,
            (left @ (Left::Steps { .. } | Left::Unknown), _) => write!(f, "{left}")?,
        }
        if self.attempts > 1 {
            write!(f, " after {} attempts", self.attempts)?;
        }
        if self.left == Left::Applied {
            return Ok(());
        }
        f.write_str("; ")?;
        write_earlier_steps(f, report, "before it")
    }

    fn advice(&self) -> Advice {
        if let Left::InDoubt { done, total } = self.left {
            let settle = NextStep::settle_in_doubt(self.version.as_written(), &self.name, done, Some(total));
            return Advice::of(settle.while_reverting(self.action == Action::Revert));
        }
        self.remedy().then(NextStep::Again(self.again()))
    }
}

/// Writes the line of the script, with a marker under the position.
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
    /// The advice on what to do next.
    pub fn advice(&self) -> Advice {
        Explain::advice(self)
    }

    /// The request that continues after the failure, by its direction and by what is done.
    pub fn again(&self) -> Again {
        let is_partly_done = matches!(self.left, Left::Statements { .. } | Left::InDoubt { .. });
        let is_done = matches!(self.left, Left::Statements { done, total } if done == total);
        match self.action {
            _ if self.left == Left::Applied => Again::Verify,
            Action::Apply if is_done => Again::VerifyScript,
            Action::Apply if is_partly_done => Again::ThisStatement,
            Action::Apply => Again::ThisMigration,
            Action::Revert if is_partly_done && !is_done => Again::RevertStatement,
            Action::Revert => Again::Revert,
            Action::Mark | Action::Unmark | Action::Rewind | Action::Accept => Again::Request,
        }
    }

    /// The problem to fix before another attempt.
    pub fn remedy(&self) -> Advice {
        let code = self.code.as_deref().unwrap_or_default();
        if let Some(gid) = self.blockers.iter().find_map(|blocker| blocker.prepared.as_deref()) {
            let gid = gid.replace('\'', "''");
            let end = "end the blocking prepared transaction";
            return Advice::of(NextStep::sql_to(end, format!("ROLLBACK PREPARED '{gid}'")))
                .or(NextStep::sql(format!("COMMIT PREPARED '{gid}'")));
        }
        let is_revert = self.action == Action::Revert;
        if !self.blockers.is_empty() && !self.cause.is_some_and(Cause::is_limit) {
            return advice::find("55P03").map(|advice| advice.advice(is_revert)).unwrap_or_default();
        }
        if let Some(right) = &self.missing_right {
            return right.advice();
        }
        // A migration that runs statement by statement already runs outside of transactions.
        let is_outside = self.left != Left::Nothing && matches!(code, "25001" | "2D000");
        if self.is_code && matches!(code, "25001" | "2D000") && !is_outside {
            return Advice::fix(
                "put `// migrate: transaction=none` at the top of the file, which then runs outside of a transaction",
            );
        }
        if let Some(advice) = advice::find_cause(code, self.cause).filter(|_| !is_outside) {
            return advice.advice(is_revert);
        }
        if !matches!(self.action, Action::Apply | Action::Revert) {
            return Advice::fix("fix what the history's table ran into");
        }
        if self.is_code {
            return Advice::fix("correct the code, or fix what it ran into");
        }
        Advice::fix(match self.left {
            Left::Nothing | Left::Steps { .. } | Left::Unknown if is_revert => "correct the down script",
            Left::Nothing | Left::Steps { .. } | Left::Code | Left::Unknown => "correct the script",
            Left::Applied => "fix what the verify script checks, or the verify script itself",
            Left::Statements { done, total } if done == total => {
                "fix what the verify script checks, or the verify script itself"
            }
            Left::Statements { .. } | Left::InDoubt { .. } => {
                "correct the statement, or fix what it ran into"
            }
        })
    }
}

/// The names of the objects in an error from the server.
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
    /// The names that the message does not contain, each with the kind of its object.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::tests::assert_readers;

    #[test]
    fn a_failure_has_advice_for_each_state_that_it_leaves() {
        let states = [
            Left::Nothing,
            Left::Applied,
            Left::Statements { done: 1, total: 2 },
            Left::Statements { done: 2, total: 2 },
            Left::InDoubt { done: 1, total: 2 },
        ];
        for action in [Action::Apply, Action::Revert] {
            for left in states {
                let mut failure = Failure::new(Version::numeric("1"), "1_a", action, "no");
                failure.left = left;
                assert_readers(&failure.advice());
                assert!(!failure.advice().commands().is_empty(), "{failure}");
                assert!(failure.to_string().contains("\ndatabase: "), "{failure}");
            }
        }
    }

    /// `up` refuses a migration that is half reverted, and `down` one that is half applied.
    #[test]
    fn the_command_after_a_failure_goes_on_in_its_direction() {
        let states = [
            (Left::Nothing, "up", "down"),
            (Left::Applied, "verify", "verify"),
            (Left::Statements { done: 0, total: 2 }, "up", "down"),
            (Left::Statements { done: 1, total: 2 }, "up", "down"),
            (Left::Statements { done: 2, total: 2 }, "up", "down"),
            (Left::InDoubt { done: 1, total: 2 }, "resolve", "resolve"),
            (Left::Code, "up", "down"),
            (Left::Steps { done: 1 }, "up", "down"),
            (Left::Unknown, "up", "down"),
        ];
        for (left, apply, revert) in states {
            for (action, expected) in [(Action::Apply, apply), (Action::Revert, revert)] {
                let mut failure = Failure::new(Version::numeric("1"), "1_a", action, "no");
                failure.left = left;
                let commands = failure.advice().commands();
                assert!(commands.iter().all(|line| line.words[0] == expected), "{action}: {failure}");
            }
        }
    }

    /// A decision that could not be recorded is not followed by a run: the migration may be in doubt.
    #[test]
    fn what_only_records_is_requested_again() {
        for action in [Action::Mark, Action::Unmark, Action::Rewind, Action::Accept] {
            let failure = Failure::new(Version::numeric("1"), "1_a", action, "no");
            assert!(failure.advice().commands().is_empty(), "{failure}");
            assert!(failure.to_string().ends_with("and repeat the request"), "{failure}");
            assert!(!failure.to_string().contains("script"), "{failure}");
        }
    }

    #[test]
    fn a_half_reverted_migration_is_settled_by_what_is_reverted() {
        let mut failure = Failure::new(Version::numeric("1"), "1_a", Action::Revert, "no");
        failure.left = Left::InDoubt { done: 1, total: 2 };
        let [library, commands] = [
            failure.advice().text(crate::advice::Words::Library),
            format!("{:?}", failure.advice().commands()),
        ];
        assert!(library.contains("`Resolution::Reverted` if all of 1_a is reverted"), "{library}");
        assert!(!library.contains("ResumeAt(3)"), "its script has two statements: {library}");
        assert!(commands.contains("records that all of it is reverted"), "{commands}");
    }

    #[test]
    fn the_cause_and_the_missing_right_decide_on_the_remedy() {
        let mut failure = Failure::new(Version::numeric("1"), "1_a", Action::Apply, "no");
        let text = |failure: &Failure| failure.remedy().text(crate::advice::Words::CommandLine);
        failure.code = Some("57014".to_owned());
        failure.cause = Some(Cause::RunLimit);
        assert_eq!(text(&failure), "allow the run more time (`--run-limit`)");
        failure.code = Some("42501".to_owned());
        failure.cause = None;
        failure.missing_right =
            Some(MissingRight::Privileges { privileges: "USAGE", on: "SCHEMA app".to_owned() });
        assert_eq!(text(&failure), "GRANT USAGE ON SCHEMA app to the role, or migrate as another role");
        failure.blockers = vec![Holder { prepared: Some("it's".to_owned()), ..Holder::default() }];
        assert_eq!(
            text(&failure),
            "end the blocking prepared transaction: ROLLBACK PREPARED 'it''s', or COMMIT PREPARED 'it''s'"
        );
    }
}
