//! Approvals: the findings of lint rules that an author has accepted, with the reason.

use crate::set::options::{Options, allow_above};
use crate::set::script::Script;
use crate::sql::{self, Statements, TokenKind};
use std::borrow::Cow;
use std::ops::Range;

/// An approved lint rule.
///
/// [`Display`](std::fmt::Display) writes it in the syntax of a header: `allow=drop-column reason="unused since 2.0"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The id of the rule, with hyphens: `drop-column`.
    pub rule: Cow<'static, str>,
    /// The reason, if given.
    pub reason: Option<Cow<'static, str>>,
}

impl std::fmt::Display for Approval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&words(std::slice::from_ref(self)))
    }
}

/// An approval in a script, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptApproval {
    /// The index of the approved statement; `None` for an approval in the header, which is for the whole
    /// script.
    pub statement: Option<usize>,
    /// The approved rule, and the reason.
    pub approval: Approval,
    /// The byte range of the rule's id in the script's text.
    pub span: Range<usize>,
}

/// Approvals in the comment above a statement, with the byte ranges of their ids.
pub(crate) struct ApprovedAbove {
    /// The byte range of the comment.
    pub(crate) comment: Range<usize>,
    pub(crate) approvals: Vec<(Range<usize>, Approval)>,
}

impl ApprovedAbove {
    /// The index of the statement directly below the comment. `None` if there is none: the comment is
    /// inside of a statement, at the end of a line, or after the last statement.
    pub(crate) fn statement(&self, text: &str, statements: Statements<'_>) -> Option<usize> {
        let Range { start, end } = self.comment;
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        if !text[line..start].trim_start_matches('\u{feff}').trim().is_empty() {
            return None;
        }
        let next = statements.partition_point(|statement| statement.range().start < start);
        let is_inside = next > 0 && statements.at(next - 1).range().end > start;
        let below = statements.get(next)?.range().start;
        let is_directly = sql::tokens(&text[end..below]).all(|token| {
            matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Whitespace)
        });
        (!is_inside && is_directly).then_some(next)
    }
}

/// Reads all approvals of a script, in order.
pub(super) fn of_script(script: &Script) -> Vec<ScriptApproval> {
    let text = script.text();
    if script.options().allow.is_empty() && !text.contains("migrate:") {
        return Vec::new();
    }
    let (header, above) = allow_above(text);
    let mut found: Vec<ScriptApproval> = header
        .into_iter()
        .map(|(span, approval)| ScriptApproval { statement: None, approval, span })
        .collect();
    for above in above {
        let Some(statement) = above.statement(text, script.statements()) else { continue };
        found.extend(above.approvals.into_iter().map(|(span, approval)| ScriptApproval {
            statement: Some(statement),
            approval,
            span,
        }));
    }
    found
}

/// Writes approvals in the syntax of a header.
pub(super) fn words(approvals: &[Approval]) -> String {
    let mut words = Vec::new();
    let mut rest = approvals;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|approval| approval.reason == first.reason).count();
        let (same, others) = rest.split_at(count);
        let ids: Vec<&str> = same.iter().map(|approval| &*approval.rule).collect();
        words.push(format!("allow={}", ids.join(",")));
        words.extend(first.reason.as_ref().map(|reason| format!("reason=\"{reason}\"")));
        rest = others;
    }
    words.join(" ")
}

impl Options {
    /// True if the header approves the findings of this rule.
    pub fn allows(&self, rule: &str) -> bool {
        self.allow.iter().any(|approval| approval.rule == rule)
    }
}
