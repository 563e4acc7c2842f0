//! Findings.

use super::rule::{Risk, Rule};
use crate::set::version::Version;
use crate::sql::LineColumn;
use std::fmt;
use std::ops::Range;

/// Something that a rule found in a script.
///
/// [`Display`](fmt::Display) gives one line: the place, the risk, the message, the id of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The risk here.
    pub risk: Risk,
    /// The migration.
    pub version: Version,
    /// The path of the script.
    pub path: String,
    /// The number of the statement in the script, counted from 1; none where it is about the header.
    pub statement: Option<usize>,
    /// The bytes of the script's text that it is about.
    pub span: Range<usize>,
    /// The line and column of their first byte, as the file has them.
    pub place: LineColumn,
    /// The table, the column or what else it is about, as the script writes it.
    pub subject: Option<String>,
    /// The effect, in words.
    pub message: String,
    /// The safe way.
    pub safe: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, place, risk, message, .. } = self;
        write!(f, "{path}:{}:{}: {risk}: {message} [{}]", place.line, place.column, self.rule.id)
    }
}
