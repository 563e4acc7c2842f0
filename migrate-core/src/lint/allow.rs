//! The `allow` option: the rules that a script allows in its header.

use super::finding::Finding;
use super::rule::{family, rule};
use super::script::{Found, finding};
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::statement::Span;

family! {
    UNUSED_ALLOW = "unused-allow", Careful, "all",
        happens: "The header allows a rule that finds nothing in the script.",
        why: "An entry left behind would hide a danger that a later edit adds.",
        safe: "Remove the id from `allow=`.",
        silent: "The rule finds something in the script.";
    UNKNOWN_RULE = "unknown-rule", Careful, "all",
        happens: "The header allows a rule that does not exist, so it allows nothing.",
        why: "Each finding ends with the id of its rule in square brackets.",
        safe: "Correct the id.",
        silent: "The id belongs to a rule.";
}

/// Removes the findings that the header allows, and adds findings for ids that allow nothing.
pub(super) fn apply(script: &Script, version: &Version, findings: Vec<Finding>) -> Vec<Finding> {
    let allowed = &script.options().allow;
    let mut left = Vec::new();
    for id in allowed.iter() {
        let span = place(script.text(), id);
        let wrong = match rule(id) {
            None => Found::new(
                &UNKNOWN_RULE,
                span,
                id.to_string(),
                format!("there is no rule {id}, and it allows nothing"),
            ),
            Some(_) if findings.iter().any(|finding| finding.rule.id == id) => continue,
            Some(_) => Found::new(
                &UNUSED_ALLOW,
                span,
                id.to_string(),
                format!("nothing in the script needs allow={id}"),
            ),
        };
        left.push(finding(script, version, None, 0, wrong));
    }
    left.extend(findings.into_iter().filter(|finding| !allowed.iter().any(|id| id == finding.rule.id)));
    left
}

/// Returns the span of an id in the header, where `_` counts as `-`.
fn place(text: &str, id: &str) -> Span {
    let from = text.find("allow=").unwrap_or(0);
    let start = text[from..].replace('_', "-").find(id).map_or(from, |at| from + at);
    Span { start, end: (start + id.len()).min(text.len()) }
}
