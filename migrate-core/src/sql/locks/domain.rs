//! `ALTER DOMAIN`: a domain constraint is checked against every table that uses the domain.

use super::analysis::{Analysis, Cost};
use super::{LockMode, TableScan};
use crate::sql::statement::{AlterDomain, DomainChange};

pub(super) fn alter(analysis: &mut Analysis<'_>, alter: &AlterDomain<'_>) {
    let is_checked = match &alter.change {
        DomainChange::SetNotNull | DomainChange::ValidateConstraint { .. } => true,
        DomainChange::AddConstraint(constraint) => constraint.not_valid.is_none(),
        _ => false,
    };
    if !is_checked {
        return;
    }
    let facts = analysis.facts;
    let schema = alter.name.schema().map(|schema| schema.folded().into_owned());
    let domain = facts.domain(schema.as_deref(), &alter.name.name().folded());
    for (table, _) in facts.tables_with(&domain) {
        let table = analysis.at(table);
        analysis.lock(&table, LockMode::Share, Cost::of(TableScan::Scan));
    }
    if !facts.is_complete {
        let tables = format!("every table with a column of the domain {}", alter.name);
        analysis.described(tables, LockMode::Share, Cost::of(TableScan::Scan));
    }
}
