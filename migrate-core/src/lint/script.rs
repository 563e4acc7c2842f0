//! Judging a script: applies the rules to its statements in order.

use super::design::ForeignKey;
use super::finding::Finding;
use super::model::Model;
use super::rule::{Risk, Rule};
use super::transactions::Transaction;
use super::{allow, blocking, compatibility, design, loss, transactions};
use crate::set::options::{Options, Phase};
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::statement::{LexedStatement, ParsedStatement, Span};
use crate::sql::{Locks, RelationLock, locks_with};

/// A statement as the rules see it.
pub(super) struct Statement<'a> {
    pub(super) text: &'a str,
    pub(super) parsed: &'a ParsedStatement<'a>,
    pub(super) model: &'a Model,
    /// The locks that it takes on relations in use; `None` if they are unknown.
    pub(super) locks: Option<Vec<RelationLock>>,
    pub(super) phase: Option<Phase>,
}

impl Statement<'_> {
    /// Returns the known locks that it takes on relations in use.
    pub(super) fn locks(&self) -> &[RelationLock] {
        self.locks.as_deref().unwrap_or_default()
    }

    pub(super) fn span(&self) -> Span {
        self.parsed.all.span()
    }
}

/// A finding in a statement, before its place in the script is known.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) rule: &'static Rule,
    pub(super) risk: Risk,
    /// The span in the statement.
    pub(super) span: Span,
    pub(super) subject: Option<String>,
    pub(super) message: String,
}

impl Found {
    pub(super) fn new(rule: &'static Rule, span: Span, subject: impl Into<String>, message: String) -> Found {
        Found { rule, risk: rule.risk, span, subject: Some(subject.into()), message }
    }

    /// Changes the risk.
    pub(super) fn at_risk(self, risk: Risk) -> Found {
        Found { risk, ..self }
    }
}

/// Returns the locks that a statement takes on relations in use; `None` if they are unknown.
pub(super) fn locks_in_use(statement: &str, model: &Model) -> Option<Vec<RelationLock>> {
    match locks_with(statement, &model.facts) {
        Locks::Known(locks) => Some(locks.into_iter().filter(|lock| !lock.is_new).collect()),
        Locks::Unknown => None,
    }
}

/// The findings of a script.
pub(super) struct Judged {
    pub(super) version: Version,
    pub(super) findings: Vec<Finding>,
    script: Script,
}

impl Judged {
    /// Returns the findings that the script does not allow, and those about ids that allow nothing.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let Judged { version, mut findings, script } = self;
        findings.sort_by_key(|finding| finding.span.start);
        allow::apply(&script, &version, findings)
    }
}

/// Judges a script, and applies its statements to the model.
pub(super) fn judge(
    script: &Script,
    version: &Version,
    model: &mut Model,
    keys: &mut Vec<ForeignKey>,
) -> Judged {
    let mut findings = Vec::new();
    let options = script.options();
    let statements = script.statements();
    for unit in script.units() {
        let mut transaction = Transaction::new(unit.is_bare());
        for index in unit.statements() {
            let boundary = statements.at(index);
            let start = boundary.range().start;
            let text = boundary.text(script.text());
            let lexed = LexedStatement::new(text);
            let parsed = lexed.parse();
            let found = {
                let statement = Statement {
                    text,
                    parsed: &parsed,
                    model,
                    locks: locks_in_use(text, model),
                    phase: options.phase,
                };
                let mut found = by_itself(&statement);
                transactions::find(&statement, boundary.line(), &mut transaction, &mut found);
                if found.is_empty() {
                    found.extend(blocking::short_lock(&statement));
                }
                found
            };
            let place = |found: Found| finding(script, version, Some(index + 1), start, found);
            keys.extend(design::foreign_keys(&parsed, model).into_iter().map(|(key, found)| ForeignKey {
                version: version.clone(),
                key,
                finding: place(found),
            }));
            findings.extend(found.into_iter().map(place));
            model.apply(text, &parsed);
        }
    }
    findings.extend(in_whole(script, options).into_iter().map(|(statement, found)| {
        let start = statements.at(statement).range().start;
        finding(script, version, Some(statement + 1), start, found)
    }));
    Judged { version: version.clone(), findings, script: script.clone() }
}

/// Returns the findings for a statement alone, regardless of the statements around it.
fn by_itself(statement: &Statement<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    loss::find(statement, &mut found);
    compatibility::find(statement, &mut found);
    compatibility::against_phase(statement, &mut found);
    blocking::find(statement, &mut found);
    design::find(statement, &mut found);
    found
}

fn in_whole(script: &Script, options: &Options) -> Vec<(usize, Found)> {
    transactions::mixed(script, options)
}

/// Creates a finding with its place, for a statement that starts at this byte of the script.
pub(super) fn finding(
    script: &Script,
    version: &Version,
    statement: Option<usize>,
    start: usize,
    found: Found,
) -> Finding {
    let span = start + found.span.start..start + found.span.end;
    Finding {
        rule: found.rule,
        risk: found.risk,
        version: version.clone(),
        path: script.path().to_owned(),
        statement,
        place: script.line_column(span.start),
        span,
        subject: found.subject,
        message: found.message,
        safe: found.rule.safe,
    }
}
