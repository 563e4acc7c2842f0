//! Table constraints.

use super::analysis::{Analysis, Cost, Target};
use super::column::set_not_null;
use super::facts::{self, ConstraintFactsKind as Kind, RelationKind};
use super::{LockMode, TableScan};
use crate::sql::statement::{Constraint, ConstraintKind, IndexConstraint, Name};
use LockMode::{AccessExclusive, RowShare, ShareRowExclusive, ShareUpdateExclusive};

/// `ADD CONSTRAINT`
pub(super) fn add<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    constraint: &Constraint<'_>,
) {
    let is_checked = constraint.not_valid.is_none() && constraint.enforced != Some(false);
    let checked = Cost::of(if is_checked { TableScan::Scan } else { TableScan::Catalog });
    match &constraint.kind {
        ConstraintKind::ForeignKey(key) => {
            analysis.tree(table, is_only, ShareRowExclusive, &checked);
            let referenced = analysis.target(&key.table);
            analysis.tree(&referenced, false, ShareRowExclusive, &Cost::CATALOG);
        }
        ConstraintKind::Check { .. } => {
            analysis.tree(table, is_only || constraint.no_inherit, AccessExclusive, &checked);
        }
        ConstraintKind::NotNull { column } => {
            let name = column.as_ref().map(Name::folded).unwrap_or_default();
            let cost =
                |table: &Target<'_>| if is_checked { set_not_null(table, &name) } else { Cost::CATALOG };
            analysis.lock(table, AccessExclusive, cost(table));
            if !is_only && !constraint.no_inherit {
                analysis.below(table, AccessExclusive, |child| cost(child));
            }
        }
        ConstraintKind::Unique(index) => with_index(analysis, table, is_only, index, false),
        ConstraintKind::PrimaryKey(index) => with_index(analysis, table, is_only, index, true),
        ConstraintKind::Exclude(_) => {
            analysis.tree(table, is_only, AccessExclusive, &Cost::of(TableScan::Build));
        }
    }
}

fn with_index<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    constraint: &IndexConstraint<'_>,
    is_primary: bool,
) {
    let cost = match &constraint.using_index {
        None => Cost::of(TableScan::Build),
        Some(_) if !is_primary => Cost::CATALOG,
        Some(index) => using_index(analysis, table, &index.folded()),
    };
    if !table.is(RelationKind::Partitioned) {
        return analysis.tree(table, is_only, AccessExclusive, &cost);
    }
    // The indexes of partitions are built one by one; since version 18 under the lock of ALTER TABLE.
    let first = analysis.facts.server_version.is_none_or(|version| version >= 18);
    analysis.lock(table, AccessExclusive, cost.clone());
    let columns: Vec<_> = constraint.columns.iter().map(Name::folded).collect();
    analysis.below_in(table, |child| {
        let is_nullable = |column: &&std::borrow::Cow<'_, str>| {
            child.relation().is_some_and(|child| !facts::Facts::is_proven_not_null(child, column))
        };
        let is_altered = first || is_primary && columns.iter().any(|column| is_nullable(&column));
        (if is_altered { AccessExclusive } else { LockMode::Share }, cost.clone())
    });
}

/// `PRIMARY KEY USING INDEX`: nullable columns are checked.
fn using_index<'f>(analysis: &Analysis<'f>, table: &Target<'f>, index: &str) -> Cost {
    let index = analysis.beside(table, index);
    let columns = index.relation().map(|index| &index.table_columns);
    let (Some(columns), true) = (columns, analysis.knows(table)) else {
        return Cost::or(TableScan::Scan, TableScan::Catalog, "unless its columns are NOT NULL");
    };
    columns.iter().map(|column| set_not_null(table, column)).fold(Cost::CATALOG, Cost::and)
}

/// `DROP CONSTRAINT`
pub(super) fn drop<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    name: &str,
    cascade: bool,
) {
    let Some(relation) = table.relation() else {
        let note = "the table that a foreign key refers to is locked, too";
        return analysis.lock(table, AccessExclusive, Cost { note: Some(note.into()), ..Cost::CATALOG });
    };
    analysis.tree(table, is_only, AccessExclusive, &Cost::CATALOG);
    let Some(constraint) = relation.constraint(name) else { return };
    referenced(analysis, constraint);
    let facts = analysis.facts;
    if cascade && matches!(constraint.kind, Kind::PrimaryKey | Kind::Unique) {
        for (child, key) in facts.referencing(&table.object) {
            let same = key.referenced_columns == constraint.columns
                || key.referenced_columns.is_empty() && constraint.kind == Kind::PrimaryKey;
            if same {
                let child = analysis.at(child);
                analysis.catalog(&child, AccessExclusive);
            }
        }
    }
}

/// The table referenced by a foreign key that is dropped: its triggers there are dropped, too.
pub(super) fn referenced(analysis: &mut Analysis<'_>, constraint: &facts::ConstraintFacts) {
    if let Some(referenced) = &constraint.references {
        let referenced = analysis.at(referenced);
        analysis.catalog(&referenced, AccessExclusive);
    }
}

/// `VALIDATE CONSTRAINT`
pub(super) fn validate<'f>(analysis: &mut Analysis<'f>, table: &Target<'f>, is_only: bool, name: &str) {
    let constraint = table.relation().map(|relation| relation.constraint(name));
    let cost = match &constraint {
        Some(Some(constraint)) if constraint.is_validated => Cost::CATALOG,
        Some(_) => Cost::of(TableScan::Scan),
        None => {
            let note = "a foreign key locks the table it refers to in ROW SHARE mode";
            Cost { note: Some(note.into()), ..Cost::of(TableScan::Scan) }
        }
    };
    let is_key = constraint.flatten().is_some_and(|constraint| constraint.kind == Kind::ForeignKey);
    // For a foreign key, one query checks all rows of a partitioned table.
    analysis.lock(table, ShareUpdateExclusive, cost.clone());
    if !is_only && (!is_key || table.is(RelationKind::Partitioned)) {
        analysis.below(table, ShareUpdateExclusive, |_| cost.clone());
    }
    if let Some(Some(constraint)) = constraint
        && let (Some(referenced), false) = (&constraint.references, constraint.is_validated)
    {
        let referenced = analysis.at(referenced);
        analysis.catalog(&referenced, RowShare);
    }
}
