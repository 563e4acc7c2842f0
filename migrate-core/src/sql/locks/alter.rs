//! `ALTER` of relations and domains.

use super::analysis::{Analysis, Cost, Target};
use super::column;
use super::constraint;
use super::facts::{ConstraintFactsKind as Kind, RelationKind};
use super::partition;
use super::{LockMode, TableScan};
use crate::sql::statement::{
    AlterAction, AlterActionKind as Action, AlterRelation, ConstraintKind, Name, ObjectKind,
};
use LockMode::{AccessExclusive, ShareRowExclusive, ShareUpdateExclusive};

pub(super) fn relation(analysis: &mut Analysis<'_>, alter: &AlterRelation<'_>) -> Option<()> {
    let target = analysis.named(&alter.relation);
    if alter.if_exists && target.is_missing() {
        return Some(());
    }
    // ALTER TABLE accepts other relations, too.
    let kind = match target.relation().map(|relation| relation.kind) {
        Some(RelationKind::Index) => ObjectKind::Index,
        Some(RelationKind::Sequence) => ObjectKind::Sequence,
        Some(RelationKind::View) => ObjectKind::View,
        Some(RelationKind::MaterializedView) => ObjectKind::MaterializedView,
        _ => alter.kind,
    };
    let is_only = alter.relation.only;
    for action in &alter.actions {
        match kind {
            ObjectKind::Index => index(analysis, &target, action)?,
            ObjectKind::Sequence => sequence(analysis, &target, action),
            ObjectKind::View => analysis.catalog(&target, AccessExclusive),
            _ => table(analysis, &target, is_only, &action.kind)?,
        }
    }
    if target.relation().is_none() {
        replaced(analysis, &alter.actions);
    }
    Some(())
}

/// A foreign key that is added where a constraint is dropped most often replaces one to the same table.
fn replaced(analysis: &mut Analysis<'_>, actions: &[AlterAction<'_>]) {
    if !actions.iter().any(|action| matches!(action.kind, Action::DropConstraint { .. })) {
        return;
    }
    for action in actions {
        if let Action::AddConstraint(added) = &action.kind
            && let ConstraintKind::ForeignKey(key) = &added.kind
        {
            let referenced = analysis.target(&key.table);
            let cost = Cost::noted(TableScan::Catalog, "unless the dropped constraint does not refer to it");
            analysis.lock(&referenced, AccessExclusive, cost);
        }
    }
}

fn index<'f>(analysis: &mut Analysis<'f>, index: &Target<'f>, action: &AlterAction<'_>) -> Option<()> {
    match &action.kind {
        Action::SetTablespace { tablespace } => move_to(analysis, index, &tablespace.folded()),
        Action::AttachPartition { partition, .. } => {
            analysis.catalog(index, ShareUpdateExclusive);
            let partition = analysis.target(partition);
            analysis.catalog(&partition, AccessExclusive);
        }
        Action::Other(_) => return None,
        _ => analysis.catalog(index, ShareUpdateExclusive),
    }
    Some(())
}

fn sequence<'f>(analysis: &mut Analysis<'f>, sequence: &Target<'f>, action: &AlterAction<'_>) {
    let mode = match action.kind {
        Action::SequenceOptions(_) => ShareRowExclusive,
        _ => AccessExclusive,
    };
    analysis.catalog(sequence, mode);
}

fn table<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    action: &Action<'_>,
) -> Option<()> {
    match action {
        Action::AddColumn { if_not_exists, column } => {
            column::add(analysis, table, is_only, *if_not_exists, column);
        }
        Action::DropColumn { column, cascade, .. } => {
            drop_column(analysis, table, is_only, &column.folded(), *cascade);
        }
        Action::AlterColumn { column, change } => {
            let column = column.as_ref().map(Name::folded);
            column::alter(analysis, table, is_only, column.as_deref(), change)?;
        }
        Action::AddConstraint(added) => constraint::add(analysis, table, is_only, added),
        Action::DropConstraint { name, cascade, .. } => {
            constraint::drop(analysis, table, is_only, &name.folded(), *cascade);
        }
        Action::ValidateConstraint { name } => constraint::validate(analysis, table, is_only, &name.folded()),
        Action::AttachPartition { partition, bound } => {
            partition::attach(analysis, table, partition, bound.as_ref());
        }
        Action::DetachPartition { partition, concurrently, finalize } => {
            partition::detach(analysis, table, partition, concurrently.is_some() || *finalize);
        }
        Action::Inherit { parent } => {
            analysis.catalog(table, AccessExclusive);
            let parent = analysis.target(parent);
            analysis.catalog(&parent, ShareUpdateExclusive);
        }
        Action::RenameColumn { .. } | Action::RenameConstraint { .. } => {
            analysis.tree(table, is_only, AccessExclusive, &Cost::CATALOG);
        }
        Action::Trigger { .. } => analysis.tree(table, is_only, ShareRowExclusive, &Cost::CATALOG),
        Action::SetLogged => set_logged(analysis, table, true),
        Action::SetUnlogged => set_logged(analysis, table, false),
        Action::SetAccessMethod { method } => {
            let has = table.relation().and_then(|table| table.access_method.as_deref());
            let is_same = has.map(|has| has == method.folded());
            rewrite(analysis, table, is_same, "unless it already has that access method");
        }
        Action::SetTablespace { tablespace } => move_to(analysis, table, &tablespace.folded()),
        Action::SetOptions(_)
        | Action::ResetOptions(_)
        | Action::ClusterOn { .. }
        | Action::SetWithoutCluster => {
            analysis.catalog(table, ShareUpdateExclusive);
        }
        Action::OwnerTo { .. } | Action::SetSchema { .. } => {
            analysis.catalog(table, AccessExclusive);
            sequences(analysis, table);
        }
        Action::Other(_) => return None,
        _ => analysis.catalog(table, AccessExclusive),
    }
    Some(())
}

/// The cost of copying a relation to another tablespace.
fn move_to(analysis: &mut Analysis<'_>, relation: &Target<'_>, tablespace: &str) {
    let is_in = relation.relation().and_then(|relation| relation.tablespace.as_deref());
    let is_same = is_in.map(|is_in| is_in == tablespace);
    rewrite(analysis, relation, is_same, "unless it is already in that tablespace");
}

fn rewrite(analysis: &mut Analysis<'_>, relation: &Target<'_>, is_same: Option<bool>, unless: &'static str) {
    let cost = match is_same {
        Some(true) => Cost::CATALOG,
        Some(false) => Cost::of(TableScan::Rewrite),
        None => Cost::or(TableScan::Rewrite, TableScan::Catalog, unless),
    };
    analysis.lock(relation, AccessExclusive, cost);
}

fn set_logged<'f>(analysis: &mut Analysis<'f>, table: &Target<'f>, logged: bool) {
    let cost = match table.relation().and_then(|relation| relation.is_unlogged) {
        Some(is_unlogged) if is_unlogged == logged => Cost::of(TableScan::Rewrite),
        Some(_) => Cost::CATALOG,
        None => Cost::or(TableScan::Rewrite, TableScan::Catalog, "unless it already is"),
    };
    analysis.lock(table, AccessExclusive, cost);
    sequences(analysis, table);
}

/// Locks the sequences that a table owns, which follow it.
fn sequences<'f>(analysis: &mut Analysis<'f>, table: &Target<'f>) {
    let facts = analysis.facts;
    for (name, _) in facts.sequences(&table.object) {
        let sequence = analysis.at(name);
        analysis.catalog(&sequence, AccessExclusive);
    }
}

/// Locks the sequences that a column owns.
pub(super) fn own_sequences<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    column: &str,
    mode: LockMode,
) {
    let facts = analysis.facts;
    for (name, sequence) in facts.sequences(&table.object) {
        if sequence.table_columns.iter().any(|of| of == column) {
            let sequence = analysis.at(name);
            analysis.catalog(&sequence, mode);
        }
    }
}

/// `DROP COLUMN`: drops the objects on the column, and with CASCADE those that read it.
fn drop_column<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    column: &str,
    cascade: bool,
) {
    let facts = analysis.facts;
    let note = (!analysis.knows(table)).then_some(if cascade {
        "and objects that depend on the column; the table that a foreign key on it refers to is locked, too"
    } else {
        "the table that a foreign key on the column refers to is locked, too"
    });
    let cost = Cost { note: note.map(Into::into), ..Cost::CATALOG };
    analysis.tree(table, is_only, AccessExclusive, &cost);
    own_sequences(analysis, table, column, AccessExclusive);
    let keys = table.relation().map(|relation| relation.constraints.as_slice()).unwrap_or_default();
    for key in keys.iter().filter(|key| key.columns.iter().any(|of| of == column)) {
        constraint::referenced(analysis, key);
    }
    if !cascade {
        return;
    }
    for (child, key) in facts.referencing(&table.object) {
        let on_primary_key = key.referenced_columns.is_empty()
            && keys.iter().any(|of| of.kind == Kind::PrimaryKey && of.columns.iter().any(|of| of == column));
        if on_primary_key || key.referenced_columns.iter().any(|of| of == column) {
            let child = analysis.at(child);
            analysis.catalog(&child, AccessExclusive);
        }
    }
    analysis.readers(&table.object, Some(column));
}
