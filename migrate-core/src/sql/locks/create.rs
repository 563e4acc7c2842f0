//! `CREATE` statements.

use super::analysis::{Analysis, Cost};
use super::facts::RelationKind;
use super::partition;
use super::{LockMode, TableScan};
use crate::sql::statement::{
    ConstraintKind, CreateIndex, CreateOnTable, CreatePublication, CreateStatistics, CreateTable,
    CreateTrigger, CreateView, Fragment, RelationRef,
};
use LockMode::{AccessExclusive, AccessShare, Share, ShareRowExclusive, ShareUpdateExclusive};

pub(super) fn index(analysis: &mut Analysis<'_>, create: &CreateIndex<'_>) {
    let table = analysis.named(&create.table);
    let mode = if create.concurrently.is_some() { ShareUpdateExclusive } else { Share };
    let named = create.name.as_ref().filter(|_| create.if_not_exists.is_some());
    let is_there = named.and_then(|name| {
        let index = analysis.beside(&table, &name.name().folded());
        analysis.exists(&index)
    });
    let cost = match (is_there, named.is_some(), create.table.only) {
        (Some(true), ..) => return analysis.catalog(&table, mode),
        (None, true, _) => {
            Cost::or(TableScan::Build, TableScan::Catalog, "unless an index of that name already exists")
        }
        // For a partitioned table, ONLY means that its partitions get the index later.
        (_, _, true) if table.is(RelationKind::Partitioned) => return analysis.catalog(&table, mode),
        (_, _, true) if !analysis.knows(&table) => {
            Cost::or(TableScan::Catalog, TableScan::Build, "built unless the table is partitioned")
        }
        _ => Cost::of(TableScan::Build),
    };
    analysis.tree(&table, create.table.only, mode, &cost);
}

pub(super) fn table(analysis: &mut Analysis<'_>, create: &CreateTable<'_>) -> Option<()> {
    let new = analysis.target(&create.name);
    if create.if_not_exists && analysis.exists(&new) == Some(true) {
        return Some(());
    }
    if let Some(of) = &create.partition_of {
        partition::create(analysis, &of.parent, &of.bound);
    }
    let own = create.constraints.iter();
    let of_columns = create.columns.iter().flat_map(|column| &column.constraints);
    for constraint in own.chain(of_columns) {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind {
            let referenced = analysis.target(&key.table);
            if referenced.object != new.object {
                analysis.tree(&referenced, false, ShareRowExclusive, &Cost::CATALOG);
            }
        }
    }
    for like in &create.likes {
        let like = analysis.target(&like.table);
        analysis.catalog(&like, AccessShare);
    }
    for parent in &create.inherits {
        let parent = analysis.target(parent);
        analysis.catalog(&parent, ShareUpdateExclusive);
    }
    // `CREATE TABLE … AS` runs a query.
    create.query.is_none().then_some(())
}

pub(super) fn view(analysis: &mut Analysis<'_>, create: &CreateView<'_>) -> Option<()> {
    let view = analysis.target(&create.name);
    if create.is_materialized {
        // The statement runs a query.
        return (create.if_not_exists && analysis.exists(&view) == Some(true)).then_some(());
    }
    if create.or_replace && !view.is_missing() {
        let note = (!analysis.knows(&view)).then_some("if it exists");
        analysis.lock(&view, AccessExclusive, Cost { note: note.map(Into::into), ..Cost::CATALOG });
    }
    Some(())
}

pub(super) fn trigger(analysis: &mut Analysis<'_>, create: &CreateTrigger<'_>) {
    let table = analysis.target(&create.table);
    analysis.tree(&table, !create.for_each_row, ShareRowExclusive, &Cost::CATALOG);
    if let Some(from) = &create.from {
        let from = analysis.target(from);
        analysis.catalog(&from, AccessShare);
    }
}

/// Policies and rules.
pub(super) fn on_table(analysis: &mut Analysis<'_>, create: &CreateOnTable<'_>) {
    let table = analysis.target(&create.table);
    analysis.catalog(&table, AccessExclusive);
}

pub(super) fn statistics(analysis: &mut Analysis<'_>, create: &CreateStatistics<'_>) {
    let table = analysis.named(&create.table);
    analysis.catalog(&table, ShareUpdateExclusive);
}

pub(super) fn publication(analysis: &mut Analysis<'_>, create: &CreatePublication<'_>) {
    for table in &create.tables {
        let table = analysis.named(table);
        analysis.catalog(&table, ShareUpdateExclusive);
    }
}

/// The tables in an `ALTER PUBLICATION`.
pub(super) fn published(change: Fragment<'_>) -> Vec<RelationRef<'_>> {
    let mut reader = change.reader();
    let is_of_tables = ["ADD", "SET", "DROP"].iter().any(|verb| reader.words(&[verb, "TABLE"]));
    if !is_of_tables {
        return Vec::new();
    }
    reader.list(|reader| {
        reader.word("TABLE");
        let table = reader.relation()?;
        reader.item();
        Some(table)
    })
}
