//! The rows that make the creation of a partition fail.

use super::find::{Found, object, unique_key};
use super::{FailingRows, ProbeObstacle};
use crate::sql::facts::{ConstraintFacts, ConstraintFactsKind, Facts, ObjectName, Relation, quoted};
use crate::sql::locks::proves_bounds;
use crate::sql::partition::PartitionKey;
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, CreateTable, Fragment, PartitionBound, QualifiedName,
};

/// The failing rows of `ATTACH PARTITION`.
pub(super) fn attached(alter: &AlterRelation<'_>, facts: &Facts) -> Vec<Found> {
    let Some(parent) = Parent::of(&alter.relation.name, facts) else { return Vec::new() };
    let of_action = |action: &Action<'_>| match action {
        Action::AttachPartition { partition, bound: Some(bound) } => parent.attached(partition, bound),
        _ => Vec::new(),
    };
    alter.actions.iter().flat_map(|action| of_action(&action.kind)).collect()
}

/// The failing rows of `CREATE TABLE … PARTITION OF`: those of the default partition.
pub(super) fn created(create: &CreateTable<'_>, facts: &Facts) -> Vec<Found> {
    let Some(of) = &create.partition_of else { return Vec::new() };
    let exists = facts.relations.contains_key(&object(&create.name, facts));
    if create.if_not_exists && exists {
        return Vec::new();
    }
    let parent = Parent::of(&of.parent, facts);
    parent.and_then(|parent| parent.taken(&create.name, &of.bound)).into_iter().collect()
}

/// A partitioned table.
struct Parent<'a> {
    name: ObjectName,
    table: &'a Relation,
    facts: &'a Facts,
}

impl<'a> Parent<'a> {
    fn of(name: &QualifiedName<'_>, facts: &'a Facts) -> Option<Parent<'a>> {
        let name = object(name, facts);
        let table = facts.relations.get(&name)?;
        table.partition_key.as_ref()?;
        Some(Parent { name, table, facts })
    }

    fn attached(&self, partition: &QualifiedName<'_>, bound: &PartitionBound<'_>) -> Vec<Found> {
        let name = object(partition, self.facts);
        let Some(table) = self.facts.relations.get(&name) else { return Vec::new() };
        let (rows, obstacle) = match bound {
            PartitionBound::Default => self.of_others(),
            PartitionBound::Values(values) => self.outside(table, *values),
        };
        let inherited = self.keys(&name, table);
        let found = |rows, obstacle| Found {
            table: name.clone(),
            written: partition.written(),
            only: false,
            rows,
            obstacle,
        };
        let own = rows.map(|rows| found(rows, obstacle)).into_iter();
        let inherited = inherited.into_iter().map(|rows| found(rows, None));
        own.chain(inherited).chain(self.taken(partition, bound)).collect()
    }

    /// The rows outside of the bounds of the table that becomes a partition.
    fn outside(
        &self,
        table: &Relation,
        values: Fragment<'_>,
    ) -> (Option<FailingRows>, Option<ProbeObstacle>) {
        if proves_bounds(self.table, values, table, false) {
            return (None, None);
        }
        let (bounds, obstacle) = self.condition(values);
        let within = self.table.origin.clone().filter(|_| !self.table.parents.is_empty());
        (Some(FailingRows::OutsideBounds { bounds, within }), obstacle)
    }

    /// The rows of a table that becomes the default partition but that belong to another one.
    fn of_others(&self) -> (Option<FailingRows>, Option<ProbeObstacle>) {
        let others: Vec<(&ObjectName, &Relation)> = self.facts.children(&self.name).collect();
        if others.is_empty() {
            return (None, None);
        }
        let new = others.iter().find(|(_, other)| other.origin.is_none());
        let obstacle = new.map(|(name, _)| ProbeObstacle::NewReference { table: (*name).clone() });
        let partitions = others.iter().filter_map(|(_, other)| other.origin.clone()).collect();
        (Some(FailingRows::OfPartitions { partitions }), obstacle)
    }

    /// The rows of the default partition that belong to a new partition.
    fn taken(&self, partition: &QualifiedName<'_>, bound: &PartitionBound<'_>) -> Option<Found> {
        let PartitionBound::Values(values) = bound else { return None };
        let default = self.facts.default_partition(&self.name)?;
        if proves_bounds(self.table, *values, self.facts.relations.get(default)?, true) {
            return None;
        }
        let (bounds, obstacle) = self.condition(*values);
        Some(Found {
            table: default.clone(),
            written: format!("{}.{}", quoted(&default.schema), quoted(&default.name)),
            only: false,
            rows: FailingRows::WithinBounds { bounds, partition: partition.written() },
            obstacle,
        })
    }

    /// The condition that the rows within bounds meet, or the reason why there is none.
    fn condition(&self, values: Fragment<'_>) -> (String, Option<ProbeObstacle>) {
        let key = self.table.partition_key.as_deref().and_then(PartitionKey::read);
        let is_hash = key.as_ref().is_some_and(|key| key.strategy == "hash");
        let known = self.table.origin.as_ref();
        let written = known.map(|table| format!("{}.{}", quoted(&table.schema), quoted(&table.name)));
        let regclass = format!("'{}'::regclass", written.unwrap_or_default().replace('\'', "''"));
        match key.and_then(|key| key.condition(&regclass, values)) {
            // Only the server computes hashes, and it looks the table up.
            Some(_) if is_hash && known.is_none() => {
                (String::new(), Some(ProbeObstacle::NewReference { table: self.name.clone() }))
            }
            Some(condition) => (condition, None),
            None => (String::new(), Some(ProbeObstacle::PartitionKey { table: self.name.clone() })),
        }
    }

    /// The rows that keys of the partitioned table exclude, for keys that the partition lacks.
    fn keys(&self, partition: &ObjectName, table: &Relation) -> Vec<FailingRows> {
        let is_unique = |index: &Relation| index.is_unique && !index.has_expression;
        let wanted = self.facts.indexes(&self.name).filter(|(_, index)| is_unique(index));
        let has = |wanted: &Relation| {
            let same = |index: &Relation| is_unique(index) && index.table_columns == wanted.table_columns;
            self.facts.indexes(partition).any(|(_, index)| same(index))
        };
        let duplicates =
            wanted.filter(|(_, index)| !has(index)).map(|(_, index)| unique_key(&index.table_columns));
        let is_key = |constraint: &&ConstraintFacts| constraint.kind == ConstraintFactsKind::ForeignKey;
        let same = |one: &ConstraintFacts, other: &ConstraintFacts| {
            (&one.columns, &one.references) == (&other.columns, &other.references)
        };
        let orphans = self.table.constraints.iter().filter(is_key).filter(|key| {
            !table.constraints.iter().filter(is_key).any(|own| own.is_validated && same(own, key))
        });
        let orphans = orphans.filter_map(|key| super::find::inherited_key(partition, table, self.facts, key));
        duplicates.chain(orphans).collect()
    }
}
