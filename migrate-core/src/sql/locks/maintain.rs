//! Statements on rows, and maintenance of tables.

use super::analysis::{Analysis, Cost, Target};
use super::facts::RelationKind;
use super::{LockMode, TableScan};
use crate::sql::statement::{
    ClusterTable, CommentOn, LockTables, ObjectKind, QualifiedName, RefreshView, Reindex, TruncateTables,
    Vacuum,
};
use LockMode::{AccessExclusive, Exclusive, RowExclusive, Share, ShareUpdateExclusive};

/// `INSERT`, `UPDATE`, `DELETE`, `MERGE` and `COPY … FROM`
pub(super) fn rows(analysis: &mut Analysis<'_>, table: &QualifiedName<'_>) {
    let table = analysis.target(table);
    analysis.lock(
        &table,
        RowExclusive,
        Cost::noted(TableScan::Rows, "and tables that its query or triggers read"),
    );
}

pub(super) fn truncate(analysis: &mut Analysis<'_>, truncate: &TruncateTables<'_>) {
    let cost = Cost::noted(TableScan::Catalog, "its rows are removed without a scan");
    let tables: Vec<Target<'_>> = truncate.tables.iter().map(|table| analysis.named(table)).collect();
    for (table, written) in tables.iter().zip(&truncate.tables) {
        let cost = if truncate.cascade && !analysis.knows(table) {
            Cost::noted(
                TableScan::Catalog,
                "its rows are removed, and those of all tables that refer to it by foreign keys",
            )
        } else {
            cost.clone()
        };
        analysis.tree(table, written.only, AccessExclusive, &cost);
    }
    let facts = analysis.facts;
    let mut emptied: Vec<_> = tables.iter().map(|table| table.object.clone()).collect();
    if truncate.cascade {
        let cascaded = facts.referencing_tables(&emptied);
        for table in &cascaded {
            let table = analysis.at(table);
            analysis.lock(&table, AccessExclusive, cost.clone());
        }
        emptied.extend(cascaded);
    }
    if truncate.restart_identity {
        for (name, _) in emptied.iter().flat_map(|table| facts.sequences(table)) {
            let sequence = analysis.at(name);
            analysis.catalog(&sequence, AccessExclusive);
        }
    }
}

pub(super) fn refresh(analysis: &mut Analysis<'_>, refresh: &RefreshView<'_>) {
    let view = analysis.target(&refresh.name);
    if refresh.concurrently.is_some() {
        analysis.lock(&view, Exclusive, Cost::of(TableScan::Scan));
    } else {
        analysis.lock(&view, AccessExclusive, Cost::of(TableScan::Rewrite));
    }
}

pub(super) fn reindex(analysis: &mut Analysis<'_>, reindex: &Reindex<'_>) -> Option<()> {
    let target = analysis.target(reindex.name.as_ref()?);
    let built = Cost::of(TableScan::Build);
    let is_index = match reindex.kind {
        ObjectKind::Index => true,
        ObjectKind::Table => false,
        _ => return None,
    };
    if reindex.concurrently {
        analysis.lock(&target, ShareUpdateExclusive, built);
        if let Some(table) = target.relation().and_then(|index| index.table.as_ref()) {
            let table = analysis.at(table);
            analysis.lock(&table, ShareUpdateExclusive, Cost::of(TableScan::Scan));
        }
        return Some(());
    }
    let mode = if is_index { AccessExclusive } else { Share };
    let Some(relation) = target.relation() else {
        let note = "the table in SHARE mode, its index in ACCESS EXCLUSIVE mode";
        analysis.lock(&target, mode, Cost { note: Some(note.into()), ..built });
        return Some(());
    };
    analysis.lock(&target, mode, built.clone());
    if relation.kind == RelationKind::Partitioned {
        reindex_partitions(analysis, &target);
        return Some(());
    }
    if let (true, Some(table)) = (is_index, &relation.table) {
        let table = analysis.at(table);
        analysis.lock(&table, Share, built);
    } else {
        let facts = analysis.facts;
        for (index, _) in facts.indexes(&target.object) {
            let index = analysis.at(index);
            analysis.lock(&index, AccessExclusive, built.clone());
        }
    }
    Some(())
}

/// The partitions of a table, whose indexes are built again one after the other. The partitioned indexes hold
/// nothing.
fn reindex_partitions<'f>(analysis: &mut Analysis<'f>, table: &Target<'f>) {
    let (facts, built) = (analysis.facts, Cost::of(TableScan::Build));
    analysis.below(table, Share, |_| built.clone());
    let leaves = facts.descendants(&table.object).into_iter().map(|name| analysis.at(name));
    let leaves: Vec<Target<'f>> = leaves.filter(|leaf| !leaf.is(RelationKind::Partitioned)).collect();
    for (index, _) in leaves.iter().flat_map(|leaf| facts.indexes(&leaf.object)) {
        let index = analysis.at(index);
        analysis.lock(&index, AccessExclusive, built.clone());
    }
}

pub(super) fn cluster(analysis: &mut Analysis<'_>, cluster: &ClusterTable<'_>) -> Option<()> {
    let table = analysis.target(cluster.table.as_ref()?);
    analysis.lock(&table, AccessExclusive, Cost::of(TableScan::Rewrite));
    Some(())
}

pub(super) fn vacuum(analysis: &mut Analysis<'_>, vacuum: &Vacuum<'_>) -> Option<()> {
    let (mode, scan) = match (vacuum.is_analyze, vacuum.is_full) {
        (true, _) => (ShareUpdateExclusive, TableScan::Rows),
        (_, true) => (AccessExclusive, TableScan::Rewrite),
        _ => (ShareUpdateExclusive, TableScan::Scan),
    };
    for table in &vacuum.tables {
        let is_only = table.only;
        let table = analysis.named(table);
        analysis.tree(&table, is_only, mode, &Cost::of(scan));
    }
    (!vacuum.tables.is_empty()).then_some(())
}

pub(super) fn lock(analysis: &mut Analysis<'_>, lock: &LockTables<'_>) {
    for table in &lock.tables {
        let is_only = table.only;
        let table = analysis.named(table);
        analysis.tree(&table, is_only, lock.mode, &Cost::CATALOG);
    }
}

pub(super) fn comment(analysis: &mut Analysis<'_>, comment: &CommentOn<'_>) -> Option<()> {
    let name = comment.name.as_ref();
    let relation = match comment.kind {
        ObjectKind::Column => name?.qualifier()?,
        kind if kind.is_relation() => name?.clone(),
        _ => return Some(()),
    };
    let relation = analysis.target(&relation);
    if !relation.is(RelationKind::View) || comment.kind.is_relation() {
        analysis.catalog(&relation, ShareUpdateExclusive);
    }
    Some(())
}
