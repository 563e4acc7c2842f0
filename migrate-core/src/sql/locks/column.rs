//! `ADD COLUMN`, and changes of a column.

use super::alter::own_sequences;
use super::analysis::{Analysis, Cost, Target};
use super::facts::{ConstraintFactsKind as Kind, Facts, ObjectName, Relation, RelationKind, Volatile};
use super::type_change::{FromUnknown, Rewrites, change};
use super::types::SqlType;
use super::{Condition, LockMode, TableScan};
use crate::sql::statement::{
    ColumnChange, ColumnDefinition, Constraint, ConstraintKind, Fragment, QualifiedName, TypeName,
};
use LockMode::{AccessExclusive, ShareRowExclusive, ShareUpdateExclusive};

const NUMBERED: &str = "each row gets its own number";
const COMPUTED: &str = "USING is computed for each row";
const COLUMN_EXISTS: &str = "unless the column already exists";

/// `ADD COLUMN`
pub(super) fn add<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    if_not_exists: bool,
    column: &ColumnDefinition<'_>,
) {
    let is_there = table
        .relation()
        .and_then(|relation| relation.columns.as_ref())
        .map(|columns| columns.iter().any(|there| there.name == column.name.folded()));
    if if_not_exists && is_there == Some(true) {
        return analysis.tree(table, is_only, AccessExclusive, &Cost::CATALOG);
    }
    let mut cost = new_column(analysis.facts, column);
    if if_not_exists && is_there.is_none() && cost.scan > TableScan::Catalog && cost.otherwise.is_none() {
        cost = Cost::or(cost.scan, TableScan::Catalog, COLUMN_EXISTS);
    }
    analysis.tree(table, is_only, AccessExclusive, &cost);
    for constraint in &column.constraints {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind {
            let referenced = analysis.target(&key.table);
            analysis.tree(&referenced, false, ShareRowExclusive, &Cost::CATALOG);
        }
    }
}

/// The cost of a new column.
fn new_column(facts: &Facts, column: &ColumnDefinition<'_>) -> Cost {
    let mut cost = Cost::CATALOG;
    if let Some(type_name) = &column.type_name {
        cost = cost.and(new_type(facts, type_name));
    }
    if column.identity.is_some() {
        cost = cost.and(Cost::noted(TableScan::Rewrite, NUMBERED));
    }
    if column.generated.as_ref().is_some_and(|generated| generated.is_stored) {
        cost = cost.and(Cost::noted(TableScan::Rewrite, "the value of each row is stored"));
    }
    if let Some(default) = &column.default {
        cost = cost.and(new_default(facts, default.expression));
    }
    column
        .constraints
        .iter()
        .fold(cost, |cost, constraint| cost.and(new_constraint(constraint, column.default.is_some())))
}

fn new_type(facts: &Facts, type_name: &TypeName<'_>) -> Cost {
    if type_name.is_serial() {
        return Cost::noted(TableScan::Rewrite, NUMBERED);
    }
    let data_type = SqlType::of(type_name);
    match facts.without_domains(&data_type) {
        Some((_, true)) => Cost::noted(TableScan::Rewrite, "its type is a domain with a constraint"),
        Some((_, false)) => Cost::CATALOG,
        None => Cost::or(
            TableScan::Catalog,
            TableScan::Rewrite,
            format!("rewritten if {data_type} is a domain with a constraint"),
        ),
    }
}

fn new_default(facts: &Facts, expression: Fragment<'_>) -> Cost {
    match facts.volatile(expression.text()) {
        Volatile::Yes => Cost::noted(TableScan::Rewrite, "its default is computed for each row"),
        Volatile::No => Cost::CATALOG,
        Volatile::If(function) => Cost::or(
            TableScan::Catalog,
            TableScan::Rewrite,
            format!("rewritten if {function} is a volatile function"),
        ),
    }
}

fn new_constraint(constraint: &Constraint<'_>, has_default: bool) -> Cost {
    let is_checked = constraint.not_valid.is_none() && constraint.enforced != Some(false);
    Cost::of(match &constraint.kind {
        ConstraintKind::Unique(_) | ConstraintKind::PrimaryKey(_) | ConstraintKind::Exclude(_) => {
            TableScan::Build
        }
        ConstraintKind::Check { .. } if is_checked => TableScan::Scan,
        ConstraintKind::ForeignKey(_) if is_checked && has_default => TableScan::Scan,
        _ => TableScan::Catalog,
    })
}

/// `ALTER COLUMN`
pub(super) fn alter<'f>(
    analysis: &mut Analysis<'f>,
    table: &Target<'f>,
    is_only: bool,
    column: Option<&str>,
    written: &ColumnChange<'_>,
) -> Option<()> {
    match written {
        ColumnChange::SetType { type_name, collation, using } => {
            let new = NewType { type_name, collation: collation.as_ref(), using: *using };
            set_type(analysis, table, column?, &new);
        }
        ColumnChange::SetNotNull => {
            let column = column?;
            analysis.lock(table, AccessExclusive, set_not_null(table, column));
            if !is_only {
                analysis.below(table, AccessExclusive, |child| set_not_null(child, column));
            }
        }
        ColumnChange::SetExpression(_) => {
            let known = column.and_then(|column| table.relation()?.column(column)?.is_virtual);
            let cost = match known {
                Some(true) => Cost::CATALOG,
                Some(false) => Cost::of(TableScan::Rewrite),
                None => Cost::or(TableScan::Rewrite, TableScan::Catalog, "unless the column is virtual"),
            };
            analysis.tree(table, is_only, AccessExclusive, &cost);
        }
        ColumnChange::SetStatistics | ColumnChange::SetOptions(_) | ColumnChange::ResetOptions(_) => {
            analysis.tree(table, is_only, ShareUpdateExclusive, &Cost::CATALOG);
        }
        ColumnChange::SetIdentity(_) => {
            analysis.tree(table, is_only, AccessExclusive, &Cost::CATALOG);
            own_sequences(analysis, table, column?, ShareRowExclusive);
        }
        ColumnChange::Other(_) => return None,
        _ => analysis.tree(table, is_only, AccessExclusive, &Cost::CATALOG),
    }
    Some(())
}

/// The cost of `SET NOT NULL`: a scan, unless a check constraint valid for all rows makes it unnecessary.
pub(super) fn set_not_null(table: &Target<'_>, column: &str) -> Cost {
    match table.relation().or(table.partial) {
        Some(relation) if Facts::is_proven_not_null(relation, column) => Cost::CATALOG,
        Some(relation) if relation.columns.is_some() => {
            let is_stored = relation.kind != RelationKind::Partitioned;
            Cost::of(if is_stored { TableScan::Scan } else { TableScan::Catalog })
        }
        relation => match relation.and_then(|relation| named_after(relation, column)) {
            Some(check) => Cost::or(
                TableScan::Catalog,
                TableScan::Scan,
                format!("all of it is read if the constraint {check} does not exclude nulls"),
            ),
            None => Cost::or(
                TableScan::Scan,
                TableScan::Catalog,
                "unless a valid CHECK constraint excludes nulls",
            ),
        },
    }
}

/// The name of a validated CHECK that contains the name of the column, if only its name is known.
fn named_after<'f>(relation: &'f Relation, column: &str) -> Option<&'f str> {
    let checks = relation
        .constraints
        .iter()
        .filter(|check| check.kind == Kind::Check && check.is_validated && check.expression.is_none());
    checks.filter_map(|check| check.name.as_deref()).find(|name| name.contains(column))
}

struct NewType<'a, 't> {
    type_name: &'a TypeName<'t>,
    collation: Option<&'a QualifiedName<'t>>,
    using: Option<Fragment<'t>>,
}

/// The conversion that `USING` describes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conversion {
    /// There is no `USING`.
    OfTypes,
    /// A cast of the column to the new type, which is the same.
    Cast,
    /// None: it is the column itself.
    None,
    /// An expression, computed for each row.
    Computed,
}

/// True if `USING` computes the values, other than by a cast of the column to its new type.
pub(in crate::sql) fn is_computed(
    using: Option<Fragment<'_>>,
    type_name: &TypeName<'_>,
    column: &str,
    facts: &Facts,
) -> bool {
    let new = NewType { type_name, collation: None, using };
    new.conversion(facts, column) == Conversion::Computed
}

impl NewType<'_, '_> {
    fn conversion(&self, facts: &Facts, column: &str) -> Conversion {
        let Some(using) = self.using else { return Conversion::OfTypes };
        let mut reader = without_parentheses(using).reader();
        let mut operand = reader;
        let is_call = reader.word("CAST");
        if is_call {
            let Some(inside) = reader.group() else { return Conversion::Computed };
            let mut inside = inside.reader();
            operand = inside.until_word(&["AS"]).reader();
            reader = inside;
        } else if reader.sees_sign("(") {
            operand = reader.group().map_or(operand, |group| without_parentheses(group).reader());
        } else {
            reader.qualified_name();
            operand = reader.since(operand.mark()).reader();
        }
        let named = operand.qualified_name().filter(|_| operand.at_end());
        if named.is_none_or(|name| name.name().folded() != column) {
            return Conversion::Computed;
        }
        if reader.at_end() {
            return Conversion::None;
        }
        let is_cast = if is_call { reader.word("AS") } else { reader.sign("::") };
        let same =
            |cast: SqlType| facts.with_schema(&cast) == facts.with_schema(&SqlType::of(self.type_name));
        if is_cast && SqlType::read(reader.rest().text()).is_some_and(same) {
            Conversion::Cast
        } else {
            Conversion::Computed
        }
    }
}

/// An expression without the parentheses around it.
fn without_parentheses(mut expression: Fragment<'_>) -> Fragment<'_> {
    loop {
        let mut reader = expression.reader();
        match reader.group() {
            Some(inside) if reader.at_end() => expression = inside,
            _ => return expression,
        }
    }
}

/// `ALTER COLUMN … TYPE`: it applies to all children, even with ONLY.
fn set_type<'f>(analysis: &mut Analysis<'f>, table: &Target<'f>, column: &str, new: &NewType<'_, '_>) {
    let facts = analysis.facts;
    let children: Vec<Target<'f>> =
        facts.descendants(&table.object).into_iter().map(|name| analysis.at(name)).collect();
    for table in std::iter::once(table).chain(&children) {
        let changed = changed(facts, table, column, new);
        analysis.lock(table, AccessExclusive, changed.cost);
        if let Some(relation) = table.relation() {
            joined(analysis, &table.object, relation, column, changed.is_compatible);
        }
    }
}

/// A change of a column's type.
struct Changed {
    cost: Cost,
    /// True if foreign keys compare as before, so that they need no new check.
    is_compatible: bool,
}

fn changed(facts: &Facts, table: &Target<'_>, column: &str, new: &NewType<'_, '_>) -> Changed {
    let written = SqlType::of(new.type_name);
    let old = table.relation().and_then(|relation| {
        let column = relation.column(column)?;
        Some((column, facts.stored_type(column.data_type.as_ref()?)?))
    });
    let new_base = facts.without_domains(&written);
    let (Some((old_column, old)), Some((base, is_constrained))) = (old, new_base) else {
        let conversion = new.conversion(facts, column);
        return Changed {
            cost: from_unknown(&written, conversion, new.collation.is_some()),
            is_compatible: false,
        };
    };
    let relation = table.relation().filter(|relation| relation.kind != RelationKind::Partitioned);
    let same = |old: &SqlType| facts.with_schema(old) == facts.with_schema(&written);
    let is_same = old_column.data_type.as_ref().is_some_and(same);
    let is_constrained = is_constrained && !is_same;
    if is_constrained || new.conversion(facts, column) == Conversion::Computed {
        let note = if is_constrained { "the new type is a domain with a constraint" } else { COMPUTED };
        let scan = if relation.is_some() { TableScan::Rewrite } else { TableScan::Catalog };
        return Changed { cost: Cost::noted(scan, note), is_compatible: false };
    }
    let collation = new.collation.map(|name| name.name().folded().into_owned());
    let old = if is_same { base.clone() } else { old };
    let change = change(&old, &base, old_column.collation != collation);
    let is_compatible = change.rewrites == Rewrites::No && !change.rebuilds_indexes;
    let Some(relation) = relation else { return Changed { cost: Cost::CATALOG, is_compatible } };
    let kept = if_not_rewritten(facts, &table.object, relation, column, change.rebuilds_indexes);
    let cost = match (change.rewrites, facts.is_utc) {
        (Rewrites::Yes, _) | (Rewrites::UnlessUtc, Some(false)) => Cost::of(TableScan::Rewrite),
        (Rewrites::No, _) | (Rewrites::UnlessUtc, Some(true)) => kept,
        (Rewrites::UnlessUtc, None) => {
            Cost::or(TableScan::Rewrite, kept.scan, "unless the time zone of the session is UTC")
                .under(Condition::TimeZone)
        }
    };
    Changed { cost, is_compatible }
}

/// The cost of a change that does not rewrite the rows. Check constraints on the column stay valid, but the
/// server verifies them; and it rebuilds the indexes that it can't recognize as unchanged.
fn if_not_rewritten(
    facts: &Facts,
    table: &ObjectName,
    relation: &Relation,
    column: &str,
    rebuilds: bool,
) -> Cost {
    let has = |index: &Relation| index.table_columns.iter().any(|indexed| indexed == column);
    let built = facts.indexes(table).any(|(_, index)| has(index) && (rebuilds || index.has_expression));
    if built {
        return Cost::noted(TableScan::Build, "an index on the column is rebuilt");
    }
    let checked = relation.constraints.iter().any(|constraint| {
        constraint.kind == Kind::Check
            && constraint.is_validated
            && constraint.columns.iter().any(|checked| checked == column)
    });
    if checked {
        Cost::noted(TableScan::Scan, "a CHECK on the column is verified again")
    } else {
        Cost::CATALOG
    }
}

/// The cost as far as the new type alone determines it.
fn from_unknown(written: &SqlType, conversion: Conversion, has_collation: bool) -> Cost {
    match (conversion, written.change_from_unknown(conversion == Conversion::Cast)) {
        (Conversion::Computed, _) => Cost::noted(TableScan::Rewrite, COMPUTED),
        (Conversion::None, _) => Cost::or(
            TableScan::Catalog,
            TableScan::Rewrite,
            "rewritten unless the column already has that type; a CHECK on it is verified again",
        ),
        (_, FromUnknown::Likely) => Cost::or(
            TableScan::Rewrite,
            TableScan::Catalog,
            "unless the old type is stored the same way; a CHECK on the column is verified again",
        ),
        (_, FromUnknown::Unlikely) if has_collation => Cost::or(
            TableScan::Build,
            TableScan::Catalog,
            "unless the column has that collation already, or no index; a CHECK on it is verified again",
        ),
        (_, FromUnknown::Unlikely) => Cost::or(
            TableScan::Catalog,
            TableScan::Rewrite,
            "rewritten unless the old type is a shorter one of the same kind; a CHECK on the column is verified again",
        ),
    }
}

/// The other tables of the foreign keys on a column: the server recreates these keys.
fn joined(
    analysis: &mut Analysis<'_>,
    table: &ObjectName,
    relation: &Relation,
    column: &str,
    is_compatible: bool,
) {
    let facts = analysis.facts;
    for key in relation.constraints.iter().filter(|key| key.columns.iter().any(|of| of == column)) {
        if let Some(referenced) = &key.references {
            let referenced = analysis.at(referenced);
            analysis.catalog(&referenced, AccessExclusive);
        }
    }
    for (child, key) in facts.referencing(table) {
        if !key.referenced_columns.iter().any(|referenced| referenced == column) {
            continue;
        }
        let is_checked = key.is_validated && !is_compatible;
        let cost = if is_checked {
            Cost::noted(TableScan::Scan, "its foreign key is verified again")
        } else {
            Cost::CATALOG
        };
        let child = analysis.at(child);
        analysis.lock(&child, AccessExclusive, cost);
    }
}
