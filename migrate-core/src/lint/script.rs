//! Judging a script: applies the rules to its statements in order.

use super::design::ForeignKey;
use super::finding::Finding;
use super::model::Model;
use super::own::JudgedStatement;
use super::rule::{Risk, Rule};
use super::transactions::Transaction;
use super::{
    LintOptions, blocking, compatibility, design, down, dynamic, loss, opt_in, own, timeouts, transactions,
};
use crate::set::Role;
use crate::set::options::Phase;
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::statement::{LexedStatement, ParsedStatement, Span, StatementKind};
use crate::sql::{Locks, RelationLock, TransactionMode, locks_of};
use std::borrow::Cow;

/// A statement as the rules see it.
pub(super) struct Statement<'a> {
    pub(super) text: &'a str,
    pub(super) parsed: &'a ParsedStatement<'a>,
    pub(super) model: &'a Model,
    /// The locks that it takes on relations in use; `None` if they are unknown.
    pub(super) locks: Option<Vec<RelationLock>>,
    pub(super) phase: Option<Phase>,
    /// True if it runs in batches on a large table.
    pub(super) is_batched: bool,
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
        Found { span, message: format!("inside the code, {}", self.message), ..self }
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
    /// True if the migration has a verify script.
    pub(super) is_verified: bool,
    /// True if the script stands for Rust code, of which it has the header only.
    pub(super) is_code: bool,
}

impl Place<'_> {
    /// Applies its statements to the model.
    pub(super) fn follow(&self, model: &mut Model) {
        if self.is_code { model.follow_unknown() } else { model.follow(&self.script) }
    }

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
    if place.is_code {
        model.follow_unknown();
        return vec![place.finding(None, 0, transactions::in_rust())];
    }
    let (mut findings, mut blocks, mut tables) = (Vec::new(), false, Vec::new());
    let statements = script.statements();
    let is_whole = script.transaction() == TransactionMode::Block;
    for unit in script.units() {
        let mut transaction = Transaction::new(unit.is_bare()).whole(is_whole);
        for index in unit.statements() {
            let boundary = statements.at(index);
            let lexed = LexedStatement::new(boundary.text(script.text()));
            let parsed = lexed.parse();
            let judging = Judging { place, line: boundary.line(), options };
            let found = judging.statement(&parsed, model, &mut transaction, DEEPEST);
            blocks |= takes_blocking_lock(&parsed, model);
            let at = |found: Found| place.finding(Some(index + 1), boundary.range().start, found);
            if place.role == Role::Up {
                keys.extend(design::foreign_keys(&parsed, model).into_iter().map(|(key, found)| {
                    ForeignKey { version: place.version.clone(), key, finding: at(found) }
                }));
            }
            findings.extend(found.into_iter().map(at));
            model.apply(&parsed);
            if matches!(parsed.kind, StatementKind::CreateTable(_)) {
                tables.push(index);
            }
        }
    }
    findings.extend(in_whole(place, model, &tables, options));
    if !blocks {
        findings.retain(|finding| finding.rule != &timeouts::LOCK_TIMEOUT_OFF);
    }
    findings
}

/// Returns the findings about a script as a whole: its header, its statements together, and the tables that it
/// created with the statements of these indexes.
fn in_whole(place: &Place<'_>, model: &Model, tables: &[usize], options: &LintOptions) -> Vec<Finding> {
    let script = &*place.script;
    let at = |index: usize| script.statements().at(index).range().start;
    let header = timeouts::in_header(script).map(|found| place.finding(None, 0, found));
    let mixed = transactions::mixed(script, script.options());
    let mixed = mixed.into_iter().map(|(index, found)| place.finding(Some(index + 1), at(index), found));
    let mut findings: Vec<Finding> = header.into_iter().chain(mixed).collect();
    if place.role == Role::Up && options.opt_in.has(opt_in::NO_PRIMARY_KEY.id) {
        for index in tables {
            let lexed = LexedStatement::new(script.statements().at(*index).text(script.text()));
            if let StatementKind::CreateTable(create) = &lexed.parse().kind {
                let found = opt_in::without_key(create, model);
                findings.extend(found.map(|found| place.finding(Some(index + 1), at(*index), found)));
            }
        }
    }
    findings
}

/// True if others may have to wait for the lock of a statement, or while it waits for it.
fn takes_blocking_lock(parsed: &ParsedStatement<'_>, model: &Model) -> bool {
    let is_setting = matches!(parsed.kind, StatementKind::Query(_));
    match locks_in_use(parsed, model) {
        Some(locks) => locks.iter().any(|lock| lock.mode.blocks_writes()),
        None => !is_setting,
    }
}

/// The depth to which calls from code to code are followed.
const DEEPEST: usize = 3;

/// The context of a statement's judgement.
struct Judging<'a> {
    place: &'a Place<'a>,
    line: u32,
    options: &'a LintOptions,
}

impl Judging<'_> {
    fn statement(
        &self,
        parsed: &ParsedStatement<'_>,
        model: &Model,
        transaction: &mut Transaction,
        depth: usize,
    ) -> Vec<Found> {
        let Place { script, version, role, is_verified, .. } = self.place;
        let (text, locks) = (parsed.all.whole(), locks_in_use(parsed, model));
        let options = script.options();
        let (phase, is_batched) = (options.phase, options.batch.is_some());
        let statement = Statement { text, parsed, model, locks, phase, is_batched };
        let mut found = Vec::new();
        if *role == Role::Up {
            up(&statement, &mut found);
        } else {
            down::find(&statement, &mut found);
        }
        blocking::find(&statement, &mut found);
        transactions::find(&statement, self.line, transaction, &mut found);
        if found.iter().all(|of| of.rule.is_opt_in) {
            found.extend(blocking::short_lock(&statement));
        }
        if *role == Role::Up && !is_verified {
            found.extend(opt_in::unverified(&statement));
        }
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
            let inside = self.statement(&parsed, &model, transaction, depth - 1);
            found.extend(inside.into_iter().map(|of| of.inside(statement.span)));
            model.apply(&parsed);
        }
    }
}

/// Finds what is dangerous about a statement of an up script by itself: what it loses, what it breaks, and the
/// design of what it creates.
fn up(statement: &Statement<'_>, found: &mut Vec<Found>) {
    loss::find(statement, found);
    compatibility::find(statement, found);
    compatibility::against_phase(statement, found);
    design::find(statement, found);
    opt_in::find(statement, found);
}
