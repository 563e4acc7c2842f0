//! A script: text, the boundaries of its statements, and how it is committed.

use crate::options::{Options, TransactionMode};
use crate::sql::{self, LineColumn, Statement};
use std::borrow::Cow;
use std::fmt;

/// The text of one script with all that was found out about it when it was read, so that a run parses nothing.
#[derive(Clone)]
pub struct Script {
    path: Cow<'static, str>,
    text: Cow<'static, str>,
    statements: Cow<'static, [Statement]>,
    options: Options,
    part: Part,
}

/// Where a script's text stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It is all of it.
    Whole,
    /// It is one half: from this byte, which is the first of this line.
    Half { start: usize, line: u32 },
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
        let (path, text) = (path.into(), text.into());
        Script { path, text, statements: Cow::Owned(statements), options, part: Part::Whole }
    }

    /// The same as a part of its file: `start` is the byte of the file that its text begins at, the first one of `line`.
    /// The lines of its statements are those of the file.
    pub fn in_part(self, start: usize, line: u32) -> Script {
        Script { part: Part::Half { start, line }, ..self }
    }

    /// Reads a script that did not come from a file: one that a history kept.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn of_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        let header = crate::options::read_header(&text, crate::layout::Role::Down);
        if let Some((_, fault)) = header.faults.first() {
            return Err(fault.to_string());
        }
        let split = sql::split(&text);
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
            part: Part::Whole,
        }
    }

    /// What `migrate!` emits for a script that is a part of its file: from byte `start`, the first of `line`, to before byte `end`.
    #[doc(hidden)]
    pub const fn from_static_part(
        path: &'static str,
        file: &'static str,
        (start, end, line): (usize, usize, u32),
        statements: &'static [Statement],
        options: Options,
    ) -> Script {
        let (_, text) = file.split_at(end).0.split_at(start);
        Script {
            path: Cow::Borrowed(path),
            text: Cow::Borrowed(text),
            statements: Cow::Borrowed(statements),
            options,
            part: Part::Half { start, line },
        }
    }

    /// The file it came from, relative to the migration directory, with `/` between folders.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text, as the file has it; of a file that holds an up and a down script, this one's half.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The byte of its file that the text begins at and the line of that byte, when the text is not all of the file.
    pub fn part(&self) -> Option<(usize, u32)> {
        match self.part {
            Part::Whole => None,
            Part::Half { start, line } => Some((start, line)),
        }
    }

    /// The line and column of a byte of its text, as its file has them.
    pub fn line_column(&self, offset: usize) -> LineColumn {
        let at = sql::line_column(&self.text, offset);
        match self.part {
            Part::Whole => at,
            Part::Half { line, .. } => LineColumn { line: at.line + line - 1, ..at },
        }
    }

    /// The line that a byte of its text stands in.
    pub fn line_at(&self, offset: usize) -> &str {
        let line = sql::line_column(&self.text, offset).line;
        self.text.lines().nth(line as usize - 1).unwrap_or_default()
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
