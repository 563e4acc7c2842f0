//! `DROP` statements: the dropped objects and their dependents.

use super::LockMode;
use super::analysis::{Analysis, Cost, Target};
use super::facts::{Facts, ObjectName, RelationKind};
use crate::sql::statement::{DropObjects, ObjectKind};
use LockMode::{AccessExclusive, ShareUpdateExclusive};

pub(super) fn objects(analysis: &mut Analysis<'_>, drop: &DropObjects<'_>) -> Option<()> {
    use ObjectKind as Kind;
    match drop.kind {
        Kind::Index => index(analysis, drop),
        Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView | Kind::Sequence => {
            relations(analysis, drop);
        }
        Kind::Trigger | Kind::Policy | Kind::Rule => {
            let table = analysis.target(drop.on.as_ref()?);
            if !(drop.if_exists && table.is_missing()) {
                analysis.tree(&table, false, AccessExclusive, &Cost::CATALOG);
            }
        }
        Kind::Schema => return schema(analysis, drop),
        // Everything that belongs to it.
        Kind::Owned | Kind::Extension => return None,
        Kind::Type | Kind::Domain if drop.cascade => return types(analysis, drop),
        // CASCADE may drop columns and views of other tables.
        _ => return (!drop.cascade).then_some(()),
    }
    Some(())
}

fn index(analysis: &mut Analysis<'_>, drop: &DropObjects<'_>) {
    let mode = if drop.concurrently.is_some() { ShareUpdateExclusive } else { AccessExclusive };
    for name in &drop.names {
        let index = analysis.target(name);
        if drop.if_exists && index.is_missing() {
            continue;
        }
        let note = (!analysis.knows(&index)).then_some("and its table");
        analysis.lock(&index, mode, Cost { note: note.map(Into::into), ..Cost::CATALOG });
        if let Some(table) = index.relation().and_then(|index| index.table.as_ref()) {
            let table = analysis.at(table);
            analysis.tree(&table, false, mode, &Cost::CATALOG);
        }
    }
}

fn relations(analysis: &mut Analysis<'_>, drop: &DropObjects<'_>) {
    for name in &drop.names {
        let relation = analysis.target(name);
        if drop.if_exists && relation.is_missing() {
            continue;
        }
        let note = (!analysis.knows(&relation)).then_some(match (drop.kind, drop.cascade) {
            (ObjectKind::Table, false) => "and tables that it refers to by foreign keys",
            (ObjectKind::Table, true) => "and tables linked to it by foreign keys, and views that read it",
            (_, true) => "and objects that depend on it",
            _ => "and objects that belong to it",
        });
        analysis.lock(&relation, AccessExclusive, Cost { note: note.map(Into::into), ..Cost::CATALOG });
        dropped(analysis, &relation, drop.cascade);
    }
}

/// The objects dropped along with a relation.
fn dropped<'f>(analysis: &mut Analysis<'f>, relation: &Target<'f>, cascade: bool) {
    let Some(facts_of_it) = relation.relation() else { return };
    let facts = analysis.facts;
    let gone: Vec<ObjectName> = std::iter::once(relation.object.clone())
        .chain(facts.descendants(&relation.object).into_iter().cloned())
        .collect();
    for table in &gone {
        let table = analysis.at(table);
        analysis.catalog(&table, AccessExclusive);
        gone_with(analysis, &table, cascade);
    }
    // The other partitions accept more rows or fewer than before: the server locks their parent and the
    // default partition.
    for parent in &facts_of_it.parents {
        let parent = analysis.at(parent);
        if parent.is(RelationKind::Partitioned) {
            analysis.catalog(&parent, AccessExclusive);
            if let Some(default) = facts.default_partition(&parent.object) {
                let default = analysis.at(default);
                analysis.catalog(&default, AccessExclusive);
            }
        }
    }
}

/// The keys, sequences and readers of one table.
fn gone_with<'f>(analysis: &mut Analysis<'f>, table: &Target<'f>, cascade: bool) {
    let facts = analysis.facts;
    let keys = table.relation().map(|relation| relation.constraints.as_slice()).unwrap_or_default();
    for referenced in keys.iter().filter_map(|key| key.references.as_ref()) {
        let referenced = analysis.at(referenced);
        analysis.catalog(&referenced, AccessExclusive);
    }
    for (name, _) in facts.sequences(&table.object) {
        let sequence = analysis.at(name);
        analysis.catalog(&sequence, AccessExclusive);
    }
    if cascade {
        for (child, _) in facts.referencing(&table.object) {
            let child = analysis.at(child);
            analysis.catalog(&child, AccessExclusive);
        }
        analysis.readers(&table.object, None);
    }
}

/// `DROP SCHEMA … CASCADE`: all relations in it.
fn schema(analysis: &mut Analysis<'_>, drop: &DropObjects<'_>) -> Option<()> {
    if !drop.cascade {
        return Some(());
    }
    let facts = analysis.facts;
    if !facts.is_complete {
        return None;
    }
    for name in &drop.names {
        for (relation, kind) in in_schema(facts, &name.name().folded()) {
            let relation = analysis.at(relation);
            if kind != RelationKind::Index {
                analysis.catalog(&relation, AccessExclusive);
                gone_with(analysis, &relation, true);
            }
        }
    }
    Some(())
}

/// The relations in a schema.
pub(super) fn in_schema<'f>(facts: &'f Facts, schema: &str) -> Vec<(&'f ObjectName, RelationKind)> {
    let all = facts.relations.iter();
    all.filter(|(name, _)| name.schema == schema).map(|(name, relation)| (name, relation.kind)).collect()
}

/// `DROP TYPE … CASCADE`: columns of the type.
fn types(analysis: &mut Analysis<'_>, drop: &DropObjects<'_>) -> Option<()> {
    let facts = analysis.facts;
    if !facts.is_complete {
        return None;
    }
    for name in &drop.names {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        for (table, column) in facts.columns_of(schema.as_deref(), &name.name().folded()) {
            let at = analysis.at(table);
            analysis.catalog(&at, AccessExclusive);
            analysis.readers(table, Some(column));
        }
    }
    Some(())
}
