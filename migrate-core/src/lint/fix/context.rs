//! A statement to rewrite, with what is known of it.

use super::names::{Names, sql};
use super::step::Step;
use crate::lint::finding::Finding;
use crate::lint::model::Model;
use crate::sql::facts::{Facts, ObjectName, Relation, RelationKind};
use crate::sql::statement::{Name, ParsedStatement, QualifiedName, Span};

/// A statement to rewrite.
pub(super) struct Context<'a> {
    pub(super) text: &'a str,
    pub(super) parsed: &'a ParsedStatement<'a>,
    /// The state before the statement.
    pub(super) model: &'a Model,
    pub(super) names: &'a mut Names,
    /// The line of the first setting above it in the script.
    pub(super) setting: Option<u32>,
    /// Its findings that a rewrite may remove, with their spans in the statement.
    pub(super) findings: Vec<(Span, &'a Finding)>,
}

/// The statements in place of one statement.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// The steps that may share a script with what precedes them.
    pub(super) first: Vec<Step>,
    /// Further stages, each of which requires that the previous one is committed.
    pub(super) later: Vec<Vec<Step>>,
    /// True if its later stages may wait for those of the statements around it.
    pub(super) only_validates: bool,
    /// The findings that stay, each with the reason.
    pub(super) refused: Vec<(Finding, String)>,
}

impl Rewritten {
    /// True if the statement stays as it is.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.later.is_empty()
    }

    /// A single statement in place of another one.
    pub(super) fn one(step: Step) -> Rewritten {
        Rewritten { first: vec![step], ..Rewritten::default() }
    }
}

impl<'a> Context<'a> {
    pub(super) fn facts(&self) -> &'a Facts {
        &self.model.facts
    }

    /// The findings of these rules in a part of the statement.
    pub(super) fn found(&self, span: Span, rules: &[&str]) -> Vec<&'a Finding> {
        let is_in = |at: &Span| span.start <= at.start && at.end <= span.end;
        let is_of = |finding: &Finding| rules.contains(&finding.rule.id);
        self.findings.iter().filter(|(at, of)| is_in(at) && is_of(of)).map(|(_, finding)| *finding).collect()
    }

    /// Leaves the statement as it is, for one reason.
    pub(super) fn refused(&self, reason: &str) -> Rewritten {
        let refused = self.findings.iter().map(|(_, finding)| ((*finding).clone(), reason.to_owned()));
        Rewritten { refused: refused.collect(), ..Rewritten::default() }
    }

    pub(super) fn relation(&self, name: &QualifiedName<'_>) -> Option<&'a Relation> {
        self.model.relation(name)
    }

    pub(super) fn is_partitioned(&self, name: &QualifiedName<'_>) -> bool {
        self.relation(name).is_some_and(|relation| relation.kind == RelationKind::Partitioned)
    }

    /// The name of an object as a statement may write it.
    pub(super) fn shown(&self, object: &ObjectName) -> String {
        self.facts().shown(object)
    }

    /// True if the server is known to have this version or a newer one.
    pub(super) fn is_at_least(&self, version: u32) -> bool {
        self.facts().server_version.is_some_and(|server| server >= version)
    }
}

/// A name as SQL.
pub(super) fn written(name: &Name<'_>) -> String {
    name.to_sql().map_or_else(|| sql(&name.folded()), std::borrow::Cow::into_owned)
}

/// A qualified name as SQL.
pub(super) fn path(name: &QualifiedName<'_>) -> String {
    name.to_sql().unwrap_or_else(|| name.written())
}

/// The columns of a list as SQL.
pub(super) fn list(names: &[Name<'_>]) -> String {
    names.iter().map(written).collect::<Vec<_>>().join(", ")
}

/// Merges stages: the first with the first, the second with the second.
pub(super) fn merge(stages: &mut Vec<Vec<Step>>, others: Vec<Vec<Step>>) {
    for (at, stage) in others.into_iter().enumerate() {
        match stages.get_mut(at) {
            Some(there) => there.extend(stage),
            None => stages.push(stage),
        }
    }
}
