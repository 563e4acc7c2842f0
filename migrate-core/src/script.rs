//! A script: text, the boundaries of its statements, and how it is committed.

use crate::options::{Options, TransactionMode};
use crate::sql::{self, Statement};
use std::borrow::Cow;
use std::fmt;

/// The text of one script with all that was found out about it when it was read, so that a run parses nothing.
#[derive(Clone)]
pub struct Script {
    path: Cow<'static, str>,
    text: Cow<'static, str>,
    statements: Cow<'static, [Statement]>,
    options: Options,
}

/// Passwords are left out of the text, since this turns up in logs.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("path", &self.path)
            .field("text", &sql::redact(&self.text))
            .field("statements", &self.statements)
            .field("options", &self.options)
            .finish()
    }
}

impl Script {
    /// A script from its parts; [`crate::layout`] makes them from files.
    pub fn new(
        path: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
        statements: Vec<Statement>,
        options: Options,
    ) -> Script {
        Script { path: path.into(), text: text.into(), statements: Cow::Owned(statements), options }
    }

    /// Reads a script that did not come from a file: one that a history kept.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn of_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        Script::of_role(path, text, crate::layout::Role::Down)
    }

    /// The same for an up script, which has options that others don't have.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn of_up_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        Script::of_role(path, text, crate::layout::Role::Up)
    }

    fn of_role(
        path: impl Into<Cow<'static, str>>,
        text: String,
        role: crate::layout::Role,
    ) -> Result<Script, String> {
        let header = crate::options::read_header(&text, role);
        if let Some((_, fault)) = header.faults.first() {
            return Err(fault.to_string());
        }
        let split = crate::sql::split(&text);
        match split.faults.first() {
            Some(fault) => Err(fault.kind.to_string()),
            None => Ok(Script::new(path, text, split.statements, header.options)),
        }
    }

    /// What `migrate!` emits.
    #[doc(hidden)]
    pub const fn from_static(
        path: &'static str,
        text: &'static str,
        statements: &'static [Statement],
        options: Options,
    ) -> Script {
        Script {
            path: Cow::Borrowed(path),
            text: Cow::Borrowed(text),
            statements: Cow::Borrowed(statements),
            options,
        }
    }

    /// The file it came from, relative to the migration directory, with `/` between folders.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text, as the file has it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its statements, in order; none is empty.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// What its header asks for.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How it is committed: as its header says, else statement by statement when one of them refuses a
    /// transaction block.
    pub fn transaction(&self) -> TransactionMode {
        self.options.transaction.unwrap_or_else(|| {
            let refuses = self.statements.iter().any(|statement| statement.refuses().is_some());
            if refuses { TransactionMode::None } else { TransactionMode::Block }
        })
    }
}
