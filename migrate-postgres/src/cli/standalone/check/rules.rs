//! The rules themselves.

use crate::cli::answer::Answer;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use migrate_core::config::JudgeError;
use migrate_core::lint::{LintError, Rule, rule, rules};
use serde_json::{Value, json};

/// All rules.
pub(super) fn list() -> Answer {
    let mut table = Table::new(["rule", "risk", "effect"]);
    for rule in rules() {
        let cells = [rule.id, rule.risk.word(), rule.happens];
        table.push(cells.map(Piece::plain));
    }
    let page = Page::default().table(table);
    Answer::done(page, json!({ "rules": rules().map(rule_json).collect::<Vec<_>>() }))
}

/// One rule; `_` counts as `-`.
pub(super) fn explain(id: &str) -> Result<Answer, Problem> {
    let id = id.replace('_', "-");
    let rule = rule(&id).ok_or_else(|| JudgeError::from(LintError::unknown_rule(&id)))?;
    let page = Page::default()
        .toned(format!("{} ({})", rule.id, rule.risk), Tone::Strong)
        .prose(rule.happens, Tone::Plain)
        .prose(format!("why: {}", rule.why), Tone::Plain)
        .prose(format!("safe way: {}", rule.safe), Tone::Plain)
        .prose(format!("silent if: {}", rule.silent), Tone::Plain)
        .prose(format!("PostgreSQL: {}", rule.versions), Tone::Plain)
        .lines(rule.is_opt_in.then_some("off by default: turn it on with --opt-in, or in migrate.toml"))
        .line(format!("accept with: -- migrate: allow={} reason=\"…\"", rule.id));
    Ok(Answer::done(page, json!({ "rule": rule_json(rule) })))
}

fn rule_json(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "risk": rule.risk.word(),
        "versions": rule.versions,
        "happens": rule.happens,
        "why": rule.why,
        "safe": rule.safe,
        "silent": rule.silent,
        "family": rule.family.title(),
        "opt_in": rule.is_opt_in,
    })
}
