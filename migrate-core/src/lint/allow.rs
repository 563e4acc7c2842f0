//! Approvals: the findings that an author accepts, and approvals that are wrong.

use super::LintOptions;
use super::error::{is_known, suggestion};
use super::finding::{Approved, ApprovedBy, Finding, Judgement};
use super::options::ConfiguredApproval;
use super::rule::{Risk, family, rule};
use super::script::{Found, Place};
use crate::set::approval::Approval;
use crate::sql::statement::Span;

family! {
    Approvals, default;
    UNUSED_ALLOW = "unused-allow", Careful, "all",
        happens: "The script or the configuration allows a rule that finds nothing there.",
        why: "An entry left behind would hide a danger that a later edit adds.",
        safe: "Remove the id from `allow=`.",
        silent: "The rule finds something there.";
    UNKNOWN_RULE = "unknown-rule", Careful, "all",
        happens: "The script allows a rule that does not exist, so it allows nothing.",
        why: "Each finding ends with the id of its rule in square brackets.",
        safe: "Correct the id.",
        silent: "The id belongs to a rule.";
    REASON_MISSING = "reason-missing", Dangerous, "all",
        happens: "A loss of data is accepted, and nobody knows why.",
        why: "The history keeps the reason for those who look for the data later.",
        safe: "Add the reason after the id: `allow=drop-column reason=\"unused since 2.0\"`.",
        silent: "The approval has a reason, or the finding is less than very-risky.";
}

/// An approval that applies to a script, and whether a finding needed it.
struct Applying<'a> {
    approval: &'a Approval,
    by: ApprovedBy,
    statement: Option<usize>,
    span: Option<Span>,
    is_used: bool,
    lacks_reason: bool,
}

impl Applying<'_> {
    fn covers(&self, finding: &Finding) -> bool {
        let is_for = self.statement.is_none_or(|index| finding.statement == Some(index + 1));
        is_for && self.approval.rule == finding.rule.id
    }
}

/// Divides the findings of a script into those that are accepted and the others, and adds findings about the
/// approvals themselves. Returns which of the configured approvals, given by their indexes, were needed.
pub(super) fn apply(
    place: &Place<'_>,
    findings: Vec<Finding>,
    configured: &[usize],
    options: &LintOptions,
    judgement: &mut Judgement,
) -> Vec<bool> {
    let written = place.script.approvals();
    let mut all: Vec<Applying<'_>> = written
        .iter()
        .map(|of| Applying {
            approval: &of.approval,
            by: if of.statement.is_some() { ApprovedBy::Statement } else { ApprovedBy::Header },
            statement: of.statement,
            span: Some(Span { start: of.span.start, end: of.span.end }),
            is_used: false,
            lacks_reason: false,
        })
        .chain(configured.iter().map(|at| Applying {
            approval: &options.allow[*at].approval,
            by: ApprovedBy::Configuration,
            statement: None,
            span: None,
            is_used: false,
            lacks_reason: false,
        }))
        .collect();
    // The nearest approval counts.
    all.sort_by_key(|of| of.by as u8);
    let mut left = Vec::new();
    for finding in findings {
        let Some(of) = all.iter_mut().find(|of| of.covers(&finding)) else {
            left.push(finding);
            continue;
        };
        of.is_used = true;
        let reason = of.approval.reason.as_ref().map(ToString::to_string);
        of.lacks_reason |= reason.is_none() && finding.risk >= Risk::VeryRisky;
        judgement.approved.push(Approved { finding, reason, by: of.by });
    }
    let mut about: Vec<Finding> = all.iter().filter_map(|of| wrong(place, of, options)).collect();
    about.sort_by_key(|finding| finding.span.start);
    judgement.findings.extend(about);
    judgement.findings.extend(left);
    all.iter().filter(|of| of.by == ApprovedBy::Configuration).map(|of| of.is_used).collect()
}

/// Adds findings about unknown ids in a script that is not judged.
pub(super) fn unknown(place: &Place<'_>, options: &LintOptions, judgement: &mut Judgement) {
    for of in place.script.approvals() {
        if !is_known(&of.approval.rule, options) {
            let span = Span { start: of.span.start, end: of.span.end };
            judgement.findings.push(place.finding(
                of.statement.map(|index| index + 1),
                0,
                no_rule(&of.approval.rule, span),
            ));
        }
    }
}

/// Returns the finding about an approval that is wrong.
fn wrong(place: &Place<'_>, of: &Applying<'_>, options: &LintOptions) -> Option<Finding> {
    let id = &of.approval.rule;
    let statement = of.statement.map(|index| index + 1);
    let span = of.span.unwrap_or(Span { start: 0, end: 0 });
    if !is_known(id, options) {
        let mut finding = place.finding(statement, 0, no_rule(id, span));
        finding.is_error = true;
        return Some(finding);
    }
    if of.lacks_reason {
        let message = format!("allow={id} accepts a loss of data without a reason");
        return Some(place.finding(statement, 0, Found::new(&REASON_MISSING, span, id.to_string(), message)));
    }
    if of.is_used || of.by == ApprovedBy::Configuration || !is_applied(id, options) {
        return None;
    }
    let whose = if of.statement.is_some() { "the statement below" } else { "the script" };
    let message = format!("nothing in {whose} needs allow={id}");
    Some(place.finding(statement, 0, Found::new(&UNUSED_ALLOW, span, id.to_string(), message)))
}

/// True if this judgement applies a rule.
fn is_applied(id: &str, options: &LintOptions) -> bool {
    match rule(id) {
        Some(rule) => !rule.is_opt_in || options.opt_in.has(id),
        None => options.rules.iter().any(|rule| rule.rule().id == id),
    }
}

fn no_rule(id: &str, span: Span) -> Found {
    let near = suggestion(id).map(|id| format!(" (did you mean {id}?)")).unwrap_or_default();
    let message = format!("there is no rule {id}{near}, and it allows nothing");
    Found::new(&UNKNOWN_RULE, span, id.to_owned(), message)
}

/// Returns the finding about a configured approval that no script of its migration needs.
pub(super) fn unneeded(place: &Place<'_>, of: &ConfiguredApproval, options: &LintOptions) -> Option<Finding> {
    let id = &of.approval.rule;
    let message = format!("nothing in {} needs the approval of {id} in the configuration", of.migration);
    let found = Found::new(&UNUSED_ALLOW, Span { start: 0, end: 0 }, id.to_string(), message);
    is_applied(id, options).then(|| place.finding(None, 0, found))
}
