//! Partitions: attaching, creating and detaching them, and the effect on the default partition.

use super::analysis::{Analysis, Cost, Target};
use super::facts::{Bounds, ConstraintFactsKind as Kind, Facts, Relation, RelationKind};
use super::{LockMode, TableScan};
use crate::sql::statement::{Fragment, PartitionBound, QualifiedName};
use LockMode::{AccessExclusive, ShareRowExclusive, ShareUpdateExclusive};

const MAY_IMPLY: &str = "unless a CHECK constraint implies its bounds";

/// `ATTACH PARTITION`
pub(super) fn attach<'f>(
    analysis: &mut Analysis<'f>,
    parent: &Target<'f>,
    partition: &QualifiedName<'_>,
    bound: Option<&PartitionBound<'_>>,
) {
    analysis.catalog(parent, ShareUpdateExclusive);
    let partition = analysis.target(partition);
    let bounds = read(parent, bound);
    let is_default = matches!(bound, Some(PartitionBound::Default));
    let cost = match partition.relation() {
        // If other partitions exist, a default partition is checked for rows that belong to them.
        Some(_) if is_default && analysis.facts.children(&parent.object).next().is_none() => Cost::CATALOG,
        Some(relation) => match (&bounds, is_default) {
            (Some(bounds), false) if implied(relation, bounds) => Cost::CATALOG,
            (Some(_), false) => Cost::of(TableScan::Scan),
            _ => Cost::or(TableScan::Scan, TableScan::Catalog, MAY_IMPLY),
        },
        None => Cost::or(
            TableScan::Scan,
            TableScan::Catalog,
            "unless a CHECK constraint implies its bounds; a default partition is scanned, too",
        ),
    };
    let built = missing_index(analysis.facts, parent, &partition);
    let keyed = foreign_keys(analysis, parent);
    let cost = cost.and(built).and(keyed);
    analysis.tree(&partition, false, AccessExclusive, &cost);
    if !is_default {
        default_partition(analysis, parent, bounds.as_ref());
    }
}

/// The cost of building an index of the parent that a partition lacks.
fn missing_index<'f>(facts: &Facts, parent: &Target<'f>, partition: &Target<'f>) -> Cost {
    let lacks = |(_, wanted): (_, &Relation)| {
        let same = |(_, index): (_, &Relation)| {
            index.table_columns == wanted.table_columns
                && (index.is_unique || !wanted.is_unique)
                && !wanted.has_expression
        };
        !facts.indexes(&partition.object).any(same)
    };
    if partition.relation().is_some() && facts.indexes(&parent.object).any(lacks) {
        Cost::noted(TableScan::Build, "an index of the partitioned table is built for it")
    } else {
        Cost::CATALOG
    }
}

/// The tables referenced by the parent's foreign keys, which a partition inherits.
fn foreign_keys<'f>(analysis: &mut Analysis<'f>, parent: &Target<'f>) -> Cost {
    let keys = parent.relation().map(|relation| relation.constraints.as_slice()).unwrap_or_default();
    let mut cost = Cost::CATALOG;
    for referenced in keys.iter().filter_map(|key| key.references.as_ref()) {
        let referenced = analysis.at(referenced);
        analysis.catalog(&referenced, ShareRowExclusive);
        cost = Cost::noted(TableScan::Scan, "the foreign key of the partitioned table is verified");
    }
    cost
}

/// `CREATE TABLE … PARTITION OF`
pub(super) fn create<'f>(
    analysis: &mut Analysis<'f>,
    parent: &QualifiedName<'_>,
    bound: &PartitionBound<'_>,
) {
    let parent = analysis.target(parent);
    let note = (!analysis.knows(&parent)).then_some("a default partition is scanned, under the same lock");
    analysis.lock(&parent, AccessExclusive, Cost { note: note.map(Into::into), ..Cost::CATALOG });
    if !matches!(bound, PartitionBound::Default) {
        let bounds = read(&parent, Some(bound));
        default_partition(analysis, &parent, bounds.as_ref());
    }
    foreign_keys(analysis, &parent);
}

/// The default partition: its rows must not belong to a new partition.
fn default_partition<'f>(analysis: &mut Analysis<'f>, parent: &Target<'f>, bounds: Option<&Bounds>) {
    let facts = analysis.facts;
    let Some(default) = facts.default_partition(&parent.object) else { return };
    let default = analysis.at(default);
    let excluded =
        default.relation().zip(bounds).is_some_and(|(relation, bounds)| excluded(relation, bounds));
    let cost = match (excluded, bounds) {
        (true, _) => Cost::CATALOG,
        (false, Some(_)) => {
            Cost::noted(TableScan::Scan, "no row of the default partition may belong to the new one")
        }
        (false, None) => {
            Cost::or(TableScan::Scan, TableScan::Catalog, "unless a CHECK constraint excludes the new bounds")
        }
    };
    analysis.tree(&default, false, AccessExclusive, &cost);
}

/// `DETACH PARTITION`
pub(super) fn detach<'f>(
    analysis: &mut Analysis<'f>,
    parent: &Target<'f>,
    partition: &QualifiedName<'_>,
    concurrently: bool,
) {
    let mode = if concurrently { ShareUpdateExclusive } else { AccessExclusive };
    let note = (!concurrently && !analysis.knows(parent)).then_some("a default partition is locked, too");
    analysis.lock(parent, mode, Cost { note: note.map(Into::into), ..Cost::CATALOG });
    let partition = analysis.target(partition);
    analysis.catalog(&partition, AccessExclusive);
    let facts = analysis.facts;
    if let (Some(default), false) = (facts.default_partition(&parent.object), concurrently) {
        let default = analysis.at(default);
        analysis.catalog(&default, AccessExclusive);
    }
}

fn read(parent: &Target<'_>, bound: Option<&PartitionBound<'_>>) -> Option<Bounds> {
    match bound? {
        PartitionBound::Values(values) => bounds(parent.relation()?, *values),
        PartitionBound::Default => None,
    }
}

fn bounds(parent: &Relation, values: Fragment<'_>) -> Option<Bounds> {
    Bounds::read(parent.partition_key.as_deref()?, values.text())
}

/// Returns true if the checks of a table prove that the bounds of a partition admit all its rows, or, for the
/// default partition, none.
pub(in crate::sql) fn proves_bounds(
    parent: &Relation,
    values: Fragment<'_>,
    table: &Relation,
    is_default: bool,
) -> bool {
    bounds(parent, values)
        .is_some_and(|bounds| if is_default { excluded(table, &bounds) } else { implied(table, &bounds) })
}

fn checks(relation: &Relation) -> impl Iterator<Item = &str> {
    let valid = relation
        .constraints
        .iter()
        .filter(|constraint| constraint.kind == Kind::Check && constraint.is_validated);
    valid.filter_map(|constraint| constraint.expression.as_deref())
}

fn excluded(relation: &Relation, bounds: &Bounds) -> bool {
    checks(relation).any(|check| bounds.are_excluded_by(check))
}

fn implied(relation: &Relation, bounds: &Bounds) -> bool {
    let is_empty = relation.kind == RelationKind::Partitioned;
    !is_empty
        && Facts::is_proven_not_null(relation, &bounds.column)
        && checks(relation).any(|check| bounds.are_implied_by(check))
}
