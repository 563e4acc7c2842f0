//! SARIF 2.1.0: the format of code scanning.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use migrate_core::Problems;
use migrate_core::display::printable::printable;
use migrate_core::lint::{Approved, ApprovedBy, Finding, Risk, Rule, rules};
use migrate_core::sql::LineColumn;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The rule of a problem of the folder, which is not one of the lint rules.
const PROBLEM: &str = "migration-problem";

/// The place of a result in its file.
#[derive(Clone, Copy)]
pub(super) struct Region {
    pub(super) start: LineColumn,
    pub(super) end: LineColumn,
}

/// The document with these results, as text.
pub(super) fn document(results: &[Value]) -> String {
    let problem = json!({
        "id": PROBLEM,
        "shortDescription": { "text": "The folder can't be read as migrations." },
        "defaultConfiguration": { "level": "error" },
    });
    let rules: Vec<Value> = rules().map(rule).chain([problem]).collect();
    let document = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "migrate",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    crate::cli::json::text(&document)
}

fn rule(rule: &'static Rule) -> Value {
    let text = format!(
        "{}\n\nWhy: {}\n\nSafe way: {}\n\nSilent if: {}",
        rule.happens, rule.why, rule.safe, rule.silent
    );
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.happens },
        "fullDescription": { "text": rule.why },
        "help": { "text": text },
        "defaultConfiguration": { "level": level(rule.risk) },
        "properties": { "tags": ["postgresql", rule.risk.word()] },
    })
}

/// The result of a finding.
pub(super) fn result(finding: &Finding, path: &str, region: Region) -> Value {
    let text = format!("{}\n{}\nSafe way: {}", finding.message, finding.rule.why, finding.safe);
    let level = if finding.is_error { "error" } else { level(finding.risk) };
    result_of(finding.rule.id, level, &text, path, region)
}

/// The acceptance of a finding.
pub(super) fn suppression(approved: &Approved) -> Value {
    let kind = if approved.by == ApprovedBy::Configuration { "external" } else { "inSource" };
    let reason = approved.reason.as_deref().map(printable);
    json!({ "kind": kind, "justification": reason.unwrap_or_default() })
}

/// The results of a folder's problems.
pub(super) fn of_problems(problems: &Problems) -> Vec<Value> {
    let result = |problem: &migrate_core::Problem| {
        let text = format!("{}\n{}", problem.kind, problem.help());
        let start = LineColumn { line: problem.line, column: problem.column };
        result_of(PROBLEM, "error", text.trim_end(), &problem.path, Region { start, end: start })
    };
    problems.iter().map(result).collect()
}

fn result_of(rule: &str, level: &str, text: &str, path: &str, Region { start, end }: Region) -> Value {
    json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": printable(text) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(path) },
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        } }],
    })
}

fn level(risk: Risk) -> &'static str {
    match risk {
        Risk::VeryRisky => "error",
        Risk::Dangerous => "warning",
        _ => "note",
    }
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
