//! One statement of a script.

use std::ops::Range;

use super::control::Control;
use super::refusal::Refusal;

/// One statement of a script: where it stands there, and whether it refuses a transaction.
///
/// The text itself is not kept; a script of a million statements costs sixteen bytes for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    start: u32,
    end: u32,
    line: u32,
    refuses: Option<Refusal>,
    control: Option<Control>,
}

impl Statement {
    /// A statement from byte `start` to before byte `end`, whose first token stands on `line`, counted from 1.
    ///
    /// [`split`](super::split()) makes these; the function is public, and `const`, for code that embeds what
    /// was split at build time.
    pub const fn new(start: u32, end: u32, line: u32, refuses: Option<Refusal>) -> Self {
        Self { start, end, line, refuses, control: None }
    }

    /// The same statement as one that does this to its transaction.
    pub const fn with_control(self, control: Option<Control>) -> Self {
        Self { control, ..self }
    }

    /// The same statement in a script that begins after so many lines of its file.
    pub(crate) const fn after_lines(self, lines: u32) -> Self {
        Self { line: self.line + lines, ..self }
    }

    /// The statement's bytes in the script: from its first token to its last, without the semicolon behind it
    /// and the comments before it.
    pub const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The line of the script's file that the first token stands on, counted from 1.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// Why a transaction block would refuse this statement, or `None` if it would not.
    pub const fn refuses(&self) -> Option<Refusal> {
        self.refuses
    }

    /// What it does to the transaction it runs in, or `None` if it leaves that alone.
    pub const fn control(&self) -> Option<Control> {
        self.control
    }

    /// The statement's text in `script`, the text that it was split from.
    ///
    /// # Panics
    ///
    /// May panic if `script` is another text.
    pub fn text<'a>(&self, script: &'a str) -> &'a str {
        &script[self.range()]
    }
}
