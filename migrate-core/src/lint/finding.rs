//! Findings: the results of the rules.

use super::rule::{Risk, Rule};
use crate::set::version::Version;
use crate::sql::LineColumn;
use std::fmt;
use std::ops::Range;

/// A danger that a rule found in a script.
///
/// [`Display`](fmt::Display) gives one line: the place, the risk, the message, the id of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The risk of this statement.
    pub risk: Risk,
    /// The migration.
    pub version: Version,
    /// The path of the script.
    pub path: String,
    /// The number of the statement in the script, starting at 1; `None` for a finding about the header.
    pub statement: Option<usize>,
    /// The byte range in the script's text.
    pub span: Range<usize>,
    /// The line and column of its first byte in the file.
    pub place: LineColumn,
    /// The table, column or other object, as written in the script.
    pub subject: Option<String>,
    /// The effect, as a message.
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
