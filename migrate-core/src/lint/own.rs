//! A project's own rules.

use super::rule::{Risk, Rule};
use super::script::{Found, Statement};
use crate::set::Role;
use crate::set::options::Phase;
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::RelationLock;
use crate::sql::facts::Facts;
use crate::sql::statement::{ParsedStatement, QualifiedName, Span};
use std::fmt::Debug;

/// A project's own rule, for [`LintOptions::rules`](super::LintOptions::rules).
///
/// # Examples
///
/// ```
/// use migrate_core::lint::{JudgedStatement, LintOptions, LintRule, Risk, Rule, RuleFinding, lint};
/// use migrate_core::sql::statement::StatementKind;
/// # use migrate_core::{Migration, Script, Set, SqlMigration, Version};
/// # use std::sync::Arc;
///
/// #[derive(Debug)]
/// struct NoTriggers;
///
/// static NO_TRIGGERS: Rule = Rule::new("no-triggers", Risk::Dangerous).safe("Write it in the service.");
///
/// impl LintRule for NoTriggers {
///     fn rule(&self) -> &'static Rule {
///         &NO_TRIGGERS
///     }
///
///     fn check(&self, statement: &JudgedStatement<'_>) -> Vec<RuleFinding> {
///         let StatementKind::CreateTrigger(trigger) = &statement.parsed().kind else { return Vec::new() };
///         vec![RuleFinding::new(trigger.name.to_string(), format!("{} is a trigger", trigger.name))]
///     }
/// }
///
/// # let text = "CREATE TRIGGER log AFTER INSERT ON users EXECUTE FUNCTION log()";
/// # let script = Script::of_up_text("1.sql", text.to_owned())?;
/// # let migration = SqlMigration::new(Version::numeric("1"), "1", script);
/// # let set = Set::new("app", vec![Arc::new(migration) as Arc<dyn Migration>]).unwrap();
/// let judgement = lint(&set, &LintOptions::new().rule(NoTriggers)).unwrap();
/// assert!(judgement.findings.iter().any(|finding| finding.rule.id == "no-triggers"));
/// # Ok::<(), String>(())
/// ```
pub trait LintRule: Debug + Send + Sync {
    /// Describes the rule: its id, with which a script allows it, its risk, and the safe way.
    fn rule(&self) -> &'static Rule;

    /// Judges a statement.
    fn check(&self, statement: &JudgedStatement<'_>) -> Vec<RuleFinding>;
}

/// A statement as a rule sees it.
#[derive(Clone, Copy)]
pub struct JudgedStatement<'a> {
    pub(super) statement: &'a Statement<'a>,
    pub(super) script: &'a Script,
    pub(super) version: &'a Version,
    pub(super) role: Role,
}

impl<'a> JudgedStatement<'a> {
    /// Its text.
    pub fn text(&self) -> &'a str {
        self.statement.text
    }

    /// Its parsed form.
    pub fn parsed(&self) -> &'a ParsedStatement<'a> {
        self.statement.parsed
    }

    /// The locks that it takes on relations in use; `None` if they are unknown.
    pub fn locks(&self) -> Option<&'a [RelationLock]> {
        self.statement.locks.as_deref()
    }

    /// All that is known about the schema before it runs.
    pub fn facts(&self) -> &'a Facts {
        &self.statement.model.facts
    }

    /// True if a table or another relation is new: created by this script or this run, and not in use yet.
    pub fn is_new(&self, relation: &QualifiedName<'_>) -> bool {
        self.statement.model.is_new(relation)
    }

    /// The phase of its script.
    pub fn phase(&self) -> Option<Phase> {
        self.statement.phase
    }

    /// Its script.
    pub fn script(&self) -> &'a Script {
        self.script
    }

    /// The version of its migration.
    pub fn version(&self) -> &'a Version {
        self.version
    }

    /// The role of its script: up or down.
    pub fn role(&self) -> Role {
        self.role
    }
}

impl Debug for JudgedStatement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JudgedStatement")
            .field("version", &self.version)
            .field("text", &crate::sql::redact(self.text()))
            .finish()
    }
}

/// A finding of an own rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RuleFinding {
    subject: String,
    message: String,
    risk: Option<Risk>,
    span: Option<Span>,
}

impl RuleFinding {
    /// Creates a finding about an object, with a message that says the effect: a clause without a period.
    pub fn new(subject: impl Into<String>, message: impl Into<String>) -> RuleFinding {
        RuleFinding { subject: subject.into(), message: message.into(), risk: None, span: None }
    }

    /// Changes the risk; by default, that of the rule.
    pub fn at_risk(self, risk: Risk) -> RuleFinding {
        RuleFinding { risk: Some(risk), ..self }
    }

    /// Sets the place in the statement; by default, the whole statement.
    pub fn at(self, span: Span) -> RuleFinding {
        RuleFinding { span: Some(span), ..self }
    }

    pub(super) fn found(self, rule: &'static Rule, whole: Span) -> Found {
        let span = self.span.filter(|span| span.start <= span.end && span.end <= whole.end).unwrap_or(whole);
        let found = Found::new(rule, span, self.subject, self.message);
        match self.risk {
            Some(risk) => found.at_risk(risk),
            None => found,
        }
    }
}

/// Applies a project's own rules to a statement.
pub(super) fn find(
    rules: &[std::sync::Arc<dyn LintRule>],
    statement: &JudgedStatement<'_>,
    found: &mut Vec<Found>,
) {
    let whole = statement.statement.span();
    for rule in rules {
        found.extend(rule.check(statement).into_iter().map(|of| of.found(rule.rule(), whole)));
    }
}
