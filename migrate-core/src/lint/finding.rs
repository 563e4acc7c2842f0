//! Findings: the results of the rules.

use super::rule::{Risk, Rule};
use crate::set::Role;
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
    /// The role of the script in its migration: up or down.
    pub role: Role,
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
    /// True for an error, which can't be approved: the script approves a rule that does not exist.
    pub is_error: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, place, risk, message, .. } = self;
        let risk = if self.is_error { "error" } else { risk.word() };
        write!(f, "{path}:{}:{}: {risk}: {message} [{}]", place.line, place.column, self.rule.id)
    }
}

/// A finding that the author has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approved {
    /// The finding.
    pub finding: Finding,
    /// The reason, if the author gave one.
    pub reason: Option<String>,
    /// The place of the approval.
    pub by: ApprovedBy,
}

/// The place of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApprovedBy {
    /// The comment above the statement.
    Statement,
    /// The header of the script.
    Header,
    /// The project's configuration.
    Configuration,
}

/// The findings of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// The findings that are not accepted, in the order of the migrations and their statements.
    pub findings: Vec<Finding>,
    /// The accepted findings, in the same order.
    pub approved: Vec<Approved>,
}

impl Judgement {
    /// The findings of at least this risk, and the errors.
    pub fn at_least(&self, risk: Risk) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.is_error || finding.risk >= risk)
    }

    /// The highest risk that is not accepted.
    pub fn worst(&self) -> Option<Risk> {
        self.findings.iter().map(|finding| finding.risk).max()
    }
}
