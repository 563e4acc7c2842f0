//! The locks of one statement, as they are found.

use super::facts::{Facts, ObjectName, Presence, Relation, RelationKind};
use super::{LockMode, RelationLock, TableScan};
use crate::sql::statement::{QualifiedName, RelationRef};
use std::borrow::Cow;

/// What is done to a relation under a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) toll: TableScan,
    pub(super) otherwise: Option<TableScan>,
    pub(super) note: Option<Cow<'static, str>>,
}

impl Cost {
    pub(super) const CATALOG: Cost = Cost::of(TableScan::Catalog);

    pub(super) const fn of(toll: TableScan) -> Cost {
        Cost { toll, otherwise: None, note: None }
    }

    pub(super) fn noted(toll: TableScan, note: impl Into<Cow<'static, str>>) -> Cost {
        Cost { toll, otherwise: None, note: Some(note.into()) }
    }

    /// One that depends on what is not known: as the note says, it is the other one.
    pub(super) fn or(toll: TableScan, otherwise: TableScan, note: impl Into<Cow<'static, str>>) -> Cost {
        Cost { toll, otherwise: Some(otherwise), note: Some(note.into()) }
    }

    /// Both together.
    pub(super) fn and(self, other: Cost) -> Cost {
        let is_heavier = |one: &Cost, other: &Cost| {
            (one.toll, one.otherwise.is_none(), one.otherwise)
                >= (other.toll, other.otherwise.is_none(), other.otherwise)
        };
        let (heavier, lighter) = if is_heavier(&self, &other) { (self, other) } else { (other, self) };
        if heavier.note.is_some() || lighter.otherwise.is_none_or(|otherwise| otherwise <= heavier.toll) {
            return heavier;
        }
        Cost { otherwise: lighter.otherwise, note: lighter.note, ..heavier }
    }
}

/// A relation that a statement is about.
#[derive(Clone, Debug)]
pub(super) struct Target<'f> {
    /// As the statement writes it.
    pub(super) shown: String,
    pub(super) object: ObjectName,
    pub(super) presence: Presence<'f>,
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

/// The locks that are found, by the facts that there are.
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

    /// A relation by the name that a statement gives it.
    pub(super) fn target(&self, name: &QualifiedName<'_>) -> Target<'f> {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        let object = self.facts.resolve(schema.as_deref(), &name.name().folded());
        Target { shown: name.written(), presence: self.facts.presence(&object), object }
    }

    /// An object of the schema that a relation is in: the grammar gives an index or a constraint's index no other.
    pub(super) fn beside(&self, target: &Target<'f>, name: &str) -> Target<'f> {
        self.at(&ObjectName::new(target.object.schema.clone(), name))
    }

    /// A relation that the statement does not name.
    pub(super) fn at(&self, object: &ObjectName) -> Target<'f> {
        Target {
            shown: self.facts.shown(object),
            presence: self.facts.presence(object),
            object: object.clone(),
        }
    }

    pub(super) fn lock(&mut self, target: &Target<'_>, mode: LockMode, cost: Cost) {
        let origin = target.relation().and_then(|relation| relation.origin.clone());
        // The rows are in the partitions.
        let is_of_parts = target.is(RelationKind::Partitioned) && cost.toll >= TableScan::Scan;
        let cost = if is_of_parts { Cost::CATALOG } else { cost };
        self.add(RelationLock {
            relation: target.shown.clone(),
            origin: origin.clone(),
            is_named: true,
            is_new: target.relation().is_some() && origin.is_none(),
            mode,
            toll: cost.toll,
            otherwise: cost.otherwise,
            note: cost.note,
        });
    }

    /// A lock by which only the catalog changes.
    pub(super) fn catalog(&mut self, target: &Target<'_>, mode: LockMode) {
        self.lock(target, mode, Cost::CATALOG);
    }

    /// A lock on relations that are not known by name, in words.
    pub(super) fn described(&mut self, relations: impl Into<String>, mode: LockMode, cost: Cost) {
        self.add(RelationLock {
            relation: relations.into(),
            origin: None,
            is_named: false,
            is_new: false,
            mode,
            toll: cost.toll,
            otherwise: cost.otherwise,
            note: cost.note,
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
            toll: lock.toll,
            otherwise: lock.otherwise.take(),
            note: lock.note.take(),
        };
        let both = cost(before).and(cost(&mut { lock }));
        (before.toll, before.otherwise, before.note) = (both.toll, both.otherwise, both.note);
    }

    /// The lock on a table, and the same on its partitions and on the tables that inherit from it.
    pub(super) fn tree(&mut self, target: &Target<'f>, is_only: bool, mode: LockMode, cost: &Cost) {
        self.lock(target, mode, cost.clone());
        if !is_only {
            self.below(target, mode, |_| cost.clone());
        }
    }

    /// A lock on the partitions of a table and on the tables that inherit from it, at what cost it is for each.
    pub(super) fn below(&mut self, target: &Target<'f>, mode: LockMode, cost: impl Fn(&Target<'f>) -> Cost) {
        self.below_in(target, |child| (mode, cost(child)));
    }

    /// The same, each in a mode of its own.
    pub(super) fn below_in(&mut self, target: &Target<'f>, lock: impl Fn(&Target<'f>) -> (LockMode, Cost)) {
        let facts = self.facts;
        for name in facts.descendants(&target.object) {
            let child = self.at(name);
            let (mode, cost) = lock(&child);
            self.lock(&child, mode, cost);
        }
    }

    /// The table that a statement names with its children.
    pub(super) fn named(&self, relation: &RelationRef<'_>) -> Target<'f> {
        self.target(&relation.name)
    }

    /// The views that read a relation, or a column of it, all in the mode that drops them.
    pub(super) fn readers(&mut self, object: &ObjectName, column: Option<&str>) {
        let facts = self.facts;
        for name in facts.readers(object, column) {
            let view = self.at(name);
            self.catalog(&view, LockMode::AccessExclusive);
        }
    }

    /// Whether a relation exists; none where that is not known.
    pub(super) fn exists(&self, target: &Target<'_>) -> Option<bool> {
        match target.presence {
            Presence::Known(_) => Some(true),
            Presence::Missing => Some(false),
            Presence::Unknown => None,
        }
    }

    /// Whether more is known of it than its name.
    pub(super) fn knows(&self, target: &Target<'_>) -> bool {
        target.relation().is_some()
    }
}
