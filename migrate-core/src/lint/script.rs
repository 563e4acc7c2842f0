//! Judging a script: applies the rules to its statements in order.

use super::design::ForeignKey;
use super::finding::Finding;
use super::model::Model;
use super::own::JudgedStatement;
use super::rule::{Risk, Rule};
use super::transactions::Transaction;
use super::{LintOptions, blocking, compatibility, design, dynamic, loss, own, transactions};
use crate::set::Role;
use crate::set::options::Phase;
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::statement::{LexedStatement, ParsedStatement, Span};
use crate::sql::{Locks, RelationLock, locks_of};
use std::borrow::Cow;

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

    /// Moves it to the code that runs the statement.
    fn inside(self, span: Span) -> Found {
        Found { span, message: format!("inside of the code, {}", self.message), ..self }
    }

    /// Changes the risk.
    pub(super) fn at_risk(self, risk: Risk) -> Found {
        Found { risk, ..self }
    }
}

/// Returns the locks that a statement takes on relations in use; `None` if they are unknown.
pub(super) fn locks_in_use(statement: &ParsedStatement<'_>, model: &Model) -> Option<Vec<RelationLock>> {
    match locks_of(statement, &model.facts) {
        Locks::Known(locks) => Some(locks.into_iter().filter(|lock| !lock.is_new).collect()),
        Locks::Unknown => None,
    }
}

/// A script and its migration: the place of its findings.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) script: Cow<'a, Script>,
    pub(super) version: &'a Version,
    pub(super) role: Role,
}

impl Place<'_> {
    /// Creates a finding in the statement with this number, which starts at this byte of the script.
    pub(super) fn finding(&self, statement: Option<usize>, start: usize, found: Found) -> Finding {
        let span = start + found.span.start..start + found.span.end;
        Finding {
            rule: found.rule,
            risk: found.risk,
            version: self.version.clone(),
            role: self.role,
            path: self.script.path().to_owned(),
            statement,
            place: self.script.line_column(span.start),
            span,
            subject: found.subject,
            message: found.message,
            safe: found.rule.safe,
            is_error: false,
        }
    }
}

/// Judges a script, and applies its statements to the model.
pub(super) fn judge(
    place: &Place<'_>,
    model: &mut Model,
    keys: &mut Vec<ForeignKey>,
    options: &LintOptions,
) -> Vec<Finding> {
    let script = &*place.script;
    let mut findings = Vec::new();
    let statements = script.statements();
    for unit in script.units() {
        let mut transaction = Transaction::new(unit.is_bare());
        for index in unit.statements() {
            let boundary = statements.at(index);
            let start = boundary.range().start;
            let text = boundary.text(script.text());
            let lexed = LexedStatement::new(text);
            let parsed = lexed.parse();
            let judging = Judging { place, phase: script.options().phase, line: boundary.line(), options };
            let found = judging.statement(&parsed, text, model, &mut transaction, DEEPEST);
            let at = |found: Found| place.finding(Some(index + 1), start, found);
            if place.role == Role::Up {
                keys.extend(design::foreign_keys(&parsed, model).into_iter().map(|(key, found)| {
                    ForeignKey { version: place.version.clone(), key, finding: at(found) }
                }));
            }
            findings.extend(found.into_iter().map(at));
            model.apply(&parsed);
        }
    }
    findings.extend(transactions::mixed(script, script.options()).into_iter().map(|(statement, found)| {
        place.finding(Some(statement + 1), statements.at(statement).range().start, found)
    }));
    findings
}

/// Code that calls code is followed this far.
const DEEPEST: usize = 3;

/// What the judgement of a statement needs beside the statement.
struct Judging<'a> {
    place: &'a Place<'a>,
    phase: Option<Phase>,
    line: u32,
    options: &'a LintOptions,
}

impl Judging<'_> {
    fn statement(
        &self,
        parsed: &ParsedStatement<'_>,
        text: &str,
        model: &Model,
        transaction: &mut Transaction,
        depth: usize,
    ) -> Vec<Found> {
        let statement = Statement { text, parsed, model, locks: locks_in_use(parsed, model), phase: self.phase };
        let mut found = by_itself(&statement);
        transactions::find(&statement, self.line, transaction, &mut found);
        if found.is_empty() {
            found.extend(blocking::short_lock(&statement));
        }
        let Place { script, version, role } = self.place;
        let judged = JudgedStatement { statement: &statement, script, version, role: *role };
        own::find(&self.options.rules, &judged, &mut found);
        found.retain(|found| !found.rule.is_opt_in || self.options.opt_in.has(found.rule.id));
        self.code(parsed, model, transaction, depth, &mut found);
        found
    }

    /// Judges the statements that a statement runs as code, each after the ones before it.
    fn code(
        &self,
        parsed: &ParsedStatement<'_>,
        model: &Model,
        transaction: &mut Transaction,
        depth: usize,
        found: &mut Vec<Found>,
    ) {
        let inner = dynamic::statements(parsed, model);
        if inner.is_empty() || depth == 0 {
            return;
        }
        let mut model = model.clone();
        for statement in inner {
            let lexed = LexedStatement::new(&statement.text);
            let parsed = lexed.parse();
            let inside = self.statement(&parsed, &statement.text, &model, transaction, depth - 1);
            found.extend(inside.into_iter().map(|of| of.inside(statement.span)));
            model.apply(&parsed);
        }
    }
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
