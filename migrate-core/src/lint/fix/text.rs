//! The texts of rewritten scripts.

use super::ScriptText;
use super::batches::with_placeholder;
use super::pack::{self, Packed};
use super::script::Judged;
use super::step::Place;
use crate::lint::finding::Finding;
use crate::set::options::Options;
use crate::set::script::Script;
use crate::sql::TransactionMode;
use crate::sql::statement::LexedStatement;
use std::borrow::Cow;

/// The word that tells a script from the others of the rewrite.
pub(super) fn word(script: &Packed) -> &'static str {
    let has = |verb: &str| script.steps.iter().any(|step| step.text.to_ascii_uppercase().contains(verb));
    match script.place {
        Place::Slow => "validate",
        Place::Concurrent if has("CREATE") => "index",
        Place::Concurrent => "concurrently",
        Place::Alone => "refresh",
        Place::Rows => "rows",
        Place::Batches if script.steps.iter().any(|step| is_delete(&step.text)) => "delete",
        Place::Batches => "fill",
        Place::Block if has("AS IDENTITY") => "identity",
        Place::Block if has("USING INDEX") => "constraint",
        Place::Block if has("SET NOT NULL") => "not_null",
        Place::Block if has("ATTACH PARTITION") => "attach",
        Place::Block => "then",
    }
}

fn is_delete(text: &str) -> bool {
    LexedStatement::new(text).parse().verb().eq_ignore_ascii_case("DELETE")
}

/// The text of a script.
pub(super) fn text_of(script: &Packed) -> String {
    let mut text = String::new();
    for step in &script.steps {
        if !step.comments.is_empty() && !text.is_empty() {
            text.push('\n');
        }
        let statement = match script.place {
            Place::Batches => Cow::Owned(with_placeholder(&step.text)),
            _ => Cow::Borrowed(&step.text),
        };
        text.push_str(&format!("{}{statement};{}\n", step.comments, step.trailing));
    }
    text
}

/// The text of a down script with these statements of the original and of the rewrite.
pub(super) fn down_text(
    statements: &[String],
    settings: &[String],
    original: &Script,
    judged: &Judged<'_>,
) -> ScriptText {
    if statements.is_empty() {
        return ScriptText {
            options: Options::NONE,
            text: "-- Nothing to revert here: the down scripts of the migrations around it do it.\n"
                .to_owned(),
        };
    }
    let mut options = original.options().clone();
    let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    keep_approvals(&mut options, original, &judged.approved, &texts);
    // A slow statement must not run under the locks of the statements before it.
    let is_outside = |text: &String| {
        [" VALIDATE CONSTRAINT ", " CONCURRENTLY "].iter().any(|slow| text.contains(slow))
            || crate::sql::split(text).statements.iter().any(|statement| statement.refuses().is_some())
    };
    if statements.iter().any(is_outside) {
        options.transaction = Some(TransactionMode::None);
    }
    let is_bare = options.transaction == Some(TransactionMode::None);
    let settings =
        settings.iter().map(|setting| if is_bare { pack::for_session(setting) } else { setting.clone() });
    let text =
        settings.chain(statements.iter().cloned()).map(|statement| format!("{statement};\n")).collect();
    ScriptText { options, text }
}

/// The text of a verify script: the original's, and the queries of the steps.
pub(super) fn verify_text(script: &Packed, original: Option<&Script>) -> Option<String> {
    let own: Vec<String> = script
        .steps
        .iter()
        .filter_map(|step| step.verify.as_ref())
        .map(|query| format!("{query};\n"))
        .collect();
    let original = original.map(|verify| verify.source().trim_end().to_owned() + "\n");
    let text: String = original.into_iter().chain(own).collect();
    (!text.is_empty()).then_some(text)
}

/// Keeps the approvals of a script whose statements are among these texts.
pub(super) fn keep_approvals(options: &mut Options, script: &Script, approved: &[&Finding], texts: &[&str]) {
    let is_there = |finding: &Finding| {
        finding.statement.is_some_and(|statement| {
            let written = script.statements().at(statement - 1).text(script.text());
            texts.iter().any(|text| text.ends_with(written))
        })
    };
    let is_used = |rule: &str| approved.iter().any(|finding| finding.rule.id == rule && is_there(finding));
    options.allow.to_mut().retain(|approval| is_used(&approval.rule));
}
