//! Results of commands as data.

use super::seconds;
use crate::schema::catalog::Difference;
use crate::{Report, StepReport};
use migrate_core::history::Notice;
use serde_json::{Value, json};

/// The report of a run.
pub(in crate::cli) fn report(report: &Report) -> Value {
    json!({
        "set": report.set,
        "steps": report.steps.iter().map(step_report).collect::<Vec<_>>(),
        "notices": notices(&report.notices),
        "applied": report.applied,
        "last": report.last,
        "waited_seconds": seconds(report.waited),
        "took_seconds": seconds(report.took),
    })
}

fn step_report(step: &StepReport) -> Value {
    json!({
        "action": step.action.word(),
        "version": step.version.as_written(),
        "name": step.name,
        "statements": step.statements,
        "took_seconds": seconds(step.took),
        "attempts": step.attempts,
        "notices": step.notices,
        "warnings": step.warnings,
    })
}

/// The differences between two schemas.
pub(in crate::cli) fn differences(differences: &[Difference]) -> Value {
    let difference = |difference: &Difference| {
        json!({
            "change": difference.change.to_string(),
            "kind": difference.object.kind().to_string(),
            "identity": difference.object.identity(),
            "diff": difference.diff,
        })
    };
    differences.iter().map(difference).collect()
}

/// Notices, which do not stop a run.
pub(in crate::cli) fn notices(notices: &[Notice]) -> Value {
    notices.iter().map(ToString::to_string).collect()
}
