//! The analysis of one statement, which collects its locks.

use super::facts::{Facts, ObjectName, Presence, Relation, RelationKind};
use super::{Condition, LockMode, RelationLock, TableScan};
use crate::sql::statement::{QualifiedName, RelationRef};
use std::borrow::Cow;

/// The work on a relation under a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) scan: TableScan,
    pub(super) otherwise: Option<TableScan>,
    pub(super) note: Option<Cow<'static, str>>,
    pub(super) condition: Option<Condition>,
}

impl Cost {
    pub(super) const CATALOG: Cost = Cost::of(TableScan::Catalog);

    pub(super) const fn of(scan: TableScan) -> Cost {
        Cost { scan, otherwise: None, note: None, condition: None }
    }

    pub(super) fn noted(scan: TableScan, note: impl Into<Cow<'static, str>>) -> Cost {
        Cost { note: Some(note.into()), ..Cost::of(scan) }
    }

    /// A cost that depends on an unknown fact: if the note applies, the alternative cost counts.
    pub(super) fn or(scan: TableScan, otherwise: TableScan, note: impl Into<Cow<'static, str>>) -> Cost {
        Cost { otherwise: Some(otherwise), note: Some(note.into()), ..Cost::of(scan) }
    }

    /// The same cost, if this fact is unknown.
    pub(super) fn under(self, condition: Condition) -> Cost {
        Cost { condition: Some(condition), ..self }
    }

    /// The sum of both costs.
    pub(super) fn and(self, other: Cost) -> Cost {
        let is_heavier = |one: &Cost, other: &Cost| {
            (one.scan, one.otherwise.is_none(), one.otherwise)
                >= (other.scan, other.otherwise.is_none(), other.otherwise)
        };
        let (heavier, lighter) = if is_heavier(&self, &other) { (self, other) } else { (other, self) };
        if heavier.note.is_some() || lighter.otherwise.is_none_or(|otherwise| otherwise <= heavier.scan) {
            return heavier;
        }
        Cost { otherwise: lighter.otherwise, note: lighter.note, ..heavier }
    }
}

/// A relation that a statement affects.
#[derive(Clone, Debug)]
pub(super) struct Target<'f> {
    /// The name as written in the statement.
    pub(super) shown: String,
    pub(super) object: ObjectName,
    pub(super) presence: Presence<'f>,
    /// Facts that statements showed about an unknown relation.
    pub(super) partial: Option<&'f Relation>,
}

impl<'f> Target<'f> {
    pub(super) fn relation(&self) -> Option<&'f Relation> {
        match self.presence {
            Presence::Known(relation) => Some(relation),
            _ => None,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self.presence, Presence::Missing)
    }

    pub(super) fn is(&self, kind: RelationKind) -> bool {
        self.relation().is_some_and(|relation| relation.kind == kind)
    }
}

/// The locks found so far, and the facts that they are based on.
#[derive(Debug)]
pub(super) struct Analysis<'f> {
    pub(super) facts: &'f Facts,
    found: Vec<RelationLock>,
}

impl<'f> Analysis<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        Analysis { facts, found: Vec::new() }
    }

    pub(super) fn into_locks(self) -> Vec<RelationLock> {
        self.found
    }

    /// The relation for a name in the statement.
    pub(super) fn target(&self, name: &QualifiedName<'_>) -> Target<'f> {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        let object = self.facts.resolve(schema.as_deref(), &name.name().folded());
        let (presence, partial) = (self.facts.presence(&object), self.facts.partial.get(&object));
        Target { shown: name.written(), presence, partial, object }
    }

    /// An object in the same schema as a relation: the grammar does not allow a schema for an index or a
    /// constraint's index.
    pub(super) fn beside(&self, target: &Target<'f>, name: &str) -> Target<'f> {
        self.at(&ObjectName::new(target.object.schema.clone(), name))
    }

    /// A relation that the statement does not name.
    pub(super) fn at(&self, object: &ObjectName) -> Target<'f> {
        Target {
            shown: self.facts.shown(object),
            presence: self.facts.presence(object),
            partial: self.facts.partial.get(object),
            object: object.clone(),
        }
    }

    pub(super) fn lock(&mut self, target: &Target<'_>, mode: LockMode, cost: Cost) {
        let origin = target.relation().and_then(|relation| relation.origin.clone());
        // The partitions hold the rows.
        let is_of_parts = target.is(RelationKind::Partitioned) && cost.scan >= TableScan::Scan;
        let cost = if is_of_parts { Cost::CATALOG } else { cost };
        self.add(RelationLock {
            relation: target.shown.clone(),
            origin: origin.clone(),
            is_named: true,
            is_new: target.relation().is_some() && origin.is_none(),
            mode,
            scan: cost.scan,
            otherwise: cost.otherwise,
            note: cost.note,
            condition: cost.condition,
        });
    }

    /// Adds a lock under which only the catalog changes.
    pub(super) fn catalog(&mut self, target: &Target<'_>, mode: LockMode) {
        self.lock(target, mode, Cost::CATALOG);
    }

    /// Adds a lock on relations described in words, because their names are not known.
    pub(super) fn described(&mut self, relations: impl Into<String>, mode: LockMode, cost: Cost) {
        self.add(RelationLock {
            relation: relations.into(),
            origin: None,
            is_named: false,
            is_new: false,
            mode,
            scan: cost.scan,
            otherwise: cost.otherwise,
            note: cost.note,
            condition: cost.condition,
        });
    }

    fn add(&mut self, lock: RelationLock) {
        let same = |other: &RelationLock| match (&lock.origin, &other.origin) {
            (Some(one), Some(other)) => one == other,
            _ => lock.relation == other.relation,
        };
        let Some(at) = self.found.iter().position(same) else {
            self.found.push(lock);
            return;
        };
        let before = &mut self.found[at];
        before.mode = before.mode.max(lock.mode);
        let cost = |lock: &mut RelationLock| Cost {
            scan: lock.scan,
            otherwise: lock.otherwise.take(),
            note: lock.note.take(),
            condition: lock.condition,
        };
        let both = cost(before).and(cost(&mut { lock }));
        (before.scan, before.otherwise, before.note) = (both.scan, both.otherwise, both.note);
        before.condition = both.condition;
    }

    /// Adds a lock on a table, its partitions, and the tables that inherit from it.
    pub(super) fn tree(&mut self, target: &Target<'f>, is_only: bool, mode: LockMode, cost: &Cost) {
        self.lock(target, mode, cost.clone());
        if !is_only {
            self.below(target, mode, |_| cost.clone());
        }
    }

    /// Adds a lock on the partitions of a table and the tables that inherit from it, with the same cost for
    /// each.
    pub(super) fn below(&mut self, target: &Target<'f>, mode: LockMode, cost: impl Fn(&Target<'f>) -> Cost) {
        self.below_in(target, |child| (mode, cost(child)));
    }

    /// Adds locks on the partitions and inheriting tables, with a separate mode for each.
    pub(super) fn below_in(&mut self, target: &Target<'f>, lock: impl Fn(&Target<'f>) -> (LockMode, Cost)) {
        let facts = self.facts;
        for name in facts.descendants(&target.object) {
            let child = self.at(name);
            let (mode, cost) = lock(&child);
            self.lock(&child, mode, cost);
        }
    }

    /// The target of a relation with its `ONLY` or `*`.
    pub(super) fn named(&self, relation: &RelationRef<'_>) -> Target<'f> {
        self.target(&relation.name)
    }

    /// Adds locks on the views that read a relation, or one of its columns, in the mode for dropping them.
    pub(super) fn readers(&mut self, object: &ObjectName, column: Option<&str>) {
        let facts = self.facts;
        for name in facts.readers(object, column) {
            let view = self.at(name);
            self.catalog(&view, LockMode::AccessExclusive);
        }
    }

    /// Returns whether a relation exists, or `None` if that is not known.
    pub(super) fn exists(&self, target: &Target<'_>) -> Option<bool> {
        match target.presence {
            Presence::Known(_) => Some(true),
            Presence::Missing => Some(false),
            Presence::Unknown => None,
        }
    }

    /// Returns true if more than the relation's name is known.
    pub(super) fn knows(&self, target: &Target<'_>) -> bool {
        target.relation().is_some()
    }
}
