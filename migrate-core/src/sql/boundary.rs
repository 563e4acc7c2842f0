//! The boundaries of one statement in a script.

use std::ops::Range;

use super::control::Control;
use super::refusal::Refusal;

/// One statement of a script: its position, and its effect on transactions.
///
/// The text itself is not stored; each statement of a script takes sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    start: u32,
    end: u32,
    line: u32,
    refuses: Option<Refusal>,
    control: Option<Control>,
}

impl Statement {
    /// Creates a statement from byte `start` up to, but not including, byte `end`, whose first token is on
    /// `line`, starting at 1.
    ///
    /// [`split`](super::split()) creates statements. The function is public and `const` for code that embeds
    /// statements split at build time.
    pub const fn new(start: u32, end: u32, line: u32, refuses: Option<Refusal>) -> Self {
        Self { start, end, line, refuses, control: None }
    }

    /// Sets the statement's effect on its transaction.
    pub const fn with_control(self, control: Option<Control>) -> Self {
        Self { control, ..self }
    }

    /// Shifts the statement for a script that begins after this many lines of its file.
    pub(crate) const fn after_lines(self, lines: u32) -> Self {
        Self { line: self.line + lines, ..self }
    }

    /// The statement's byte range in the script: from its first token to its last, without the semicolon
    /// after it and the comments before it.
    pub const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The line of the script's file with the first token, starting at 1.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The reason why a transaction block refuses this statement, or `None` if it does not.
    pub const fn refuses(&self) -> Option<Refusal> {
        self.refuses
    }

    /// The statement's effect on the transaction in which it runs, or `None` if it has none.
    pub const fn control(&self) -> Option<Control> {
        self.control
    }

    /// The statement's text in `script`, from which it was split.
    ///
    /// # Panics
    ///
    /// May panic if `script` is another text.
    pub fn text<'a>(&self, script: &'a str) -> &'a str {
        &script[self.range()]
    }
}
