//! Findings as JSON, and their color.

use super::page::Tone;
use migrate_core::lint::{Approved, ApprovedBy, Finding, Risk};
use serde_json::{Value, json};

/// A finding in a script of a migration with this name.
pub(super) fn json(finding: &Finding, name: &str) -> Value {
    json!({
        "rule": finding.rule.id,
        "risk": finding.risk.word(),
        "version": finding.version.as_written(),
        "name": name,
        "path": finding.path,
        "line": finding.place.line,
        "column": finding.place.column,
        "statement": finding.statement,
        "subject": finding.subject,
        "message": finding.message,
        "why": finding.rule.why,
        "safe": finding.safe,
    })
}

/// A finding that the author has accepted.
pub(super) fn approved(approved: &Approved, json: impl Fn(&Finding) -> Value) -> Value {
    let mut value = json(&approved.finding);
    value["reason"] = serde_json::json!(approved.reason);
    value["by"] = serde_json::json!(match approved.by {
        ApprovedBy::Statement => "statement",
        ApprovedBy::Header => "header",
        _ => "configuration",
    });
    value
}

pub(super) fn tone(risk: Risk) -> Tone {
    match risk {
        Risk::VeryRisky => Tone::Bad,
        Risk::Dangerous => Tone::Warning,
        _ => Tone::Faint,
    }
}
