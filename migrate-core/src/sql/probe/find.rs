//! The rows that make a statement fail.

use super::{FailingRows, KeyPart, Limit, ProbeObstacle, exclusion, partition};
use crate::sql::facts::{ConstraintFacts, ConstraintFactsKind, Facts, ObjectName, Relation, SqlType, quoted};
use crate::sql::statement::{
    AlterActionKind as Action, AlterDomain, AlterRelation, ColumnChange, ColumnDefinition, Constraint,
    ConstraintKind, CreateIndex, DomainChange, ForeignKey, IndexConstraint, IndexElement, Name,
    ParsedStatement, QualifiedName, StatementKind, TypeName,
};
use std::collections::BTreeMap;

/// Failing rows, before it is known if the database has the table.
pub(super) struct Found {
    pub(super) table: ObjectName,
    pub(super) written: String,
    pub(super) only: bool,
    pub(super) rows: FailingRows,
    /// A reason not to ask that shows in the statement itself.
    pub(super) obstacle: Option<ProbeObstacle>,
}

/// The failing rows of the constraints that were added NOT VALID, by table and name.
type NotValid = BTreeMap<(ObjectName, String), Vec<FailingRows>>;

/// Returns the rows that make a statement fail.
pub(super) fn failing(parsed: &ParsedStatement<'_>, facts: &Facts, not_valid: &mut NotValid) -> Vec<Found> {
    match &parsed.kind {
        StatementKind::CreateIndex(index) => of_index(index, facts).into_iter().collect(),
        StatementKind::AlterRelation(alter) => {
            let mut found = of_table(alter, facts, not_valid);
            found.extend(partition::attached(alter, facts));
            found
        }
        StatementKind::CreateTable(create) => partition::created(create, facts),
        StatementKind::AlterDomain(alter) => of_domain(alter, facts, not_valid),
        _ => Vec::new(),
    }
}

pub(super) fn object(name: &QualifiedName<'_>, facts: &Facts) -> ObjectName {
    let schema = name.schema().map(|schema| schema.folded().into_owned());
    facts.resolve(schema.as_deref(), &name.name().folded())
}

/// The columns of a table's primary key.
pub(super) fn primary_key(table: &Relation) -> Vec<String> {
    let is_key = |kind| kind == ConstraintFactsKind::PrimaryKey;
    let key = table.constraints.iter().find(|constraint| is_key(constraint.kind));
    key.map(|key| key.columns.clone()).unwrap_or_default()
}

fn of_index(index: &CreateIndex<'_>, facts: &Facts) -> Option<Found> {
    let exists = |name: &QualifiedName<'_>| facts.relations.contains_key(&object(name, facts));
    if !index.is_unique || index.if_not_exists.is_some() && index.name.as_ref().is_some_and(exists) {
        return None;
    }
    let rows = FailingRows::Duplicate {
        key: index.elements.iter().map(key_part).collect(),
        condition: index.condition.map(|condition| condition.text().to_owned()),
        nulls_are_equal: index.nulls_not_distinct,
    };
    Some(Found {
        table: object(&index.table.name, facts),
        written: index.table.name.written(),
        only: index.table.only,
        rows,
        obstacle: None,
    })
}

/// A column, or an expression without the operator class and the order after it. An expression is a function
/// call or in parentheses, so it ends with one.
pub(super) fn key_part(element: &IndexElement<'_>) -> KeyPart {
    if let Some(column) = element.column {
        return KeyPart::Column(column.folded().into_owned());
    }
    let text = element.definition.text();
    KeyPart::Expression(text[..text.rfind(')').map_or(text.len(), |end| end + 1)].to_owned())
}

fn of_table(alter: &AlterRelation<'_>, facts: &Facts, not_valid: &mut NotValid) -> Vec<Found> {
    let table = object(&alter.relation.name, facts);
    let Some(relation) = facts.relations.get(&table) else { return Vec::new() };
    let subject = Subject { table: &table, relation, facts };
    let mut found = Vec::new();
    for action in &alter.actions {
        let rows: Vec<FailingRows> = match &action.kind {
            Action::AddColumn { column, if_not_exists } => {
                let exists = *if_not_exists && relation.column(&column.name.folded()).is_some();
                required(column).filter(|_| !exists).into_iter().collect()
            }
            Action::AlterColumn { column: Some(column), change } => {
                subject.of_change(column, change).into_iter().collect()
            }
            Action::AddConstraint(constraint) => subject.of_constraint(constraint, not_valid),
            Action::ValidateConstraint { name } => subject.of_validation(&name.folded(), not_valid),
            _ => Vec::new(),
        };
        // The statement itself makes the values of a column that another of its actions adds or converts.
        let is_known = |rows: &FailingRows| {
            let columns = rows.columns();
            !alter.actions.iter().any(|other| {
                !std::ptr::eq(other, action)
                    && super::made_column(&other.kind)
                        .is_some_and(|made| columns.iter().any(|column| made.folded() == *column))
            })
        };
        found.extend(rows.into_iter().filter(is_known).map(|rows| Found {
            table: table.clone(),
            written: alter.relation.name.written(),
            only: alter.relation.only,
            rows,
            obstacle: None,
        }));
    }
    found
}

/// The rows of all tables with a column of a domain.
fn of_domain(alter: &AlterDomain<'_>, facts: &Facts, not_valid: &mut NotValid) -> Vec<Found> {
    let schema = alter.name.schema().map(|schema| schema.folded().into_owned());
    let domain = facts.domain(schema.as_deref(), &alter.name.name().folded());
    let null = || FailingRows::Null { columns: Vec::new() };
    let of_any_column = match &alter.change {
        DomainChange::SetNotNull => vec![null()],
        DomainChange::AddConstraint(constraint) => {
            let rows = match &constraint.kind {
                ConstraintKind::NotNull { .. } => vec![null()],
                ConstraintKind::Check { expression } => vec![FailingRows::DomainViolation {
                    column: String::new(),
                    expression: expression.text().to_owned(),
                }],
                _ => Vec::new(),
            };
            match (constraint.not_valid, &constraint.name) {
                (None, _) => rows,
                (Some(_), Some(name)) => {
                    not_valid.insert((domain.clone(), name.folded().into_owned()), rows);
                    Vec::new()
                }
                (Some(_), None) => Vec::new(),
            }
        }
        DomainChange::ValidateConstraint { name } => {
            not_valid.remove(&(domain.clone(), name.folded().into_owned())).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let columns: Vec<_> = facts.columns_over(&domain).collect();
    let mut found = Vec::new();
    for rows in &of_any_column {
        for (table, column) in &columns {
            let rows = match rows {
                FailingRows::DomainViolation { expression, .. } => FailingRows::DomainViolation {
                    column: column.name.clone(),
                    expression: expression.clone(),
                },
                _ if column.is_not_null => continue,
                _ => FailingRows::Null { columns: vec![column.name.clone()] },
            };
            let written = format!("{}.{}", quoted(&table.schema), quoted(&table.name));
            found.push(Found { table: (*table).clone(), written, only: true, rows, obstacle: None });
        }
    }
    found
}

/// A new column that a row can't leave out.
fn required(column: &ColumnDefinition<'_>) -> Option<FailingRows> {
    let is_required = column.is_not_null() || column.is_primary_key();
    let is_filled = column.default.is_some()
        || column.generated.is_some()
        || column.identity.is_some()
        || column.type_name.as_ref().is_some_and(TypeName::is_serial);
    // A domain may have a default of its own.
    let is_known = column.type_name.as_ref().is_some_and(|type_name| type_name.name.is_none());
    (is_required && !is_filled && is_known)
        .then(|| FailingRows::Any { column: column.name.folded().into_owned() })
}

/// An existing table that is altered.
struct Subject<'a> {
    table: &'a ObjectName,
    relation: &'a Relation,
    facts: &'a Facts,
}

impl Subject<'_> {
    fn of_change(&self, column: &Name<'_>, change: &ColumnChange<'_>) -> Option<FailingRows> {
        let name = column.folded().into_owned();
        let known = self.relation.column(&name);
        match change {
            ColumnChange::SetNotNull => {
                let is_proven = known.is_some_and(|column| column.is_not_null);
                (!is_proven).then(|| FailingRows::Null { columns: vec![name] })
            }
            ColumnChange::SetType { type_name, using, .. } => {
                let old = known.and_then(|column| column.data_type.as_ref());
                let limit = Limit::of(type_name, old, *using, &name, self.facts)?;
                Some(FailingRows::Misfit {
                    column: name,
                    type_name: SqlType::of(type_name).to_string(),
                    limit,
                })
            }
            _ => None,
        }
    }

    fn of_constraint(&self, constraint: &Constraint<'_>, not_valid: &mut NotValid) -> Vec<FailingRows> {
        let rows = match &constraint.kind {
            ConstraintKind::NotNull { column: Some(column) } => {
                vec![FailingRows::Null { columns: vec![column.folded().into_owned()] }]
            }
            ConstraintKind::Check { expression } => {
                vec![FailingRows::Violation { expression: expression.text().to_owned() }]
            }
            ConstraintKind::Unique(index) => unique(index).into_iter().collect(),
            ConstraintKind::PrimaryKey(index) => {
                self.primary_key(index).into_iter().chain(unique(index)).collect()
            }
            ConstraintKind::ForeignKey(key) => self.foreign_key(key).into_iter().collect(),
            ConstraintKind::Exclude(exclusion) => exclusion::conflicts(exclusion).into_iter().collect(),
            ConstraintKind::NotNull { column: None } => Vec::new(),
        };
        if constraint.enforced == Some(false) {
            return Vec::new();
        }
        if constraint.not_valid.is_none() {
            return rows;
        }
        if let Some(name) = &constraint.name {
            not_valid.insert((self.table.clone(), name.folded().into_owned()), rows);
        }
        Vec::new()
    }

    /// The nulls in the columns of a primary key.
    fn primary_key(&self, index: &IndexConstraint<'_>) -> Option<FailingRows> {
        let columns = match &index.using_index {
            Some(of) => {
                let of = ObjectName::new(self.table.schema.clone(), of.folded());
                self.facts.relations.get(&of)?.table_columns.clone()
            }
            None => index.columns.iter().map(|column| column.folded().into_owned()).collect(),
        };
        let may_be_null =
            |column: &String| self.relation.column(column).is_none_or(|known| !known.is_not_null);
        let columns: Vec<String> = columns.into_iter().filter(may_be_null).collect();
        (!columns.is_empty()).then_some(FailingRows::Null { columns })
    }

    fn foreign_key(&self, key: &ForeignKey<'_>) -> Option<FailingRows> {
        let columns = key.columns.iter().map(|column| column.folded().into_owned()).collect();
        let referenced = key.referenced_columns.iter().map(|column| column.folded().into_owned()).collect();
        self.orphans(columns, &object(&key.table, self.facts), referenced, key.is_match_full)
    }

    /// Without columns of its own, a foreign key references the primary key.
    fn orphans(
        &self,
        columns: Vec<String>,
        references: &ObjectName,
        referenced_columns: Vec<String>,
        is_match_full: bool,
    ) -> Option<FailingRows> {
        let referenced = self.facts.relations.get(references)?;
        let referenced_columns =
            if referenced_columns.is_empty() { primary_key(referenced) } else { referenced_columns };
        // A new table has no row yet that the foreign key could find.
        let references = referenced.origin.clone().unwrap_or_else(|| references.clone());
        let is_whole = !columns.is_empty() && columns.len() == referenced_columns.len();
        is_whole.then_some(FailingRows::Orphan { columns, references, referenced_columns, is_match_full })
    }

    /// The rows of a constraint that was added NOT VALID, by an earlier pending statement or long ago.
    fn of_validation(&self, name: &str, not_valid: &mut NotValid) -> Vec<FailingRows> {
        if let Some(rows) = not_valid.remove(&(self.table.clone(), name.to_owned())) {
            return rows;
        }
        let is_it = |of: &Option<String>| of.as_deref() == Some(name);
        let constraint = self.relation.constraints.iter().find(|constraint| is_it(&constraint.name));
        let Some(constraint) = constraint.filter(|constraint| !constraint.is_validated) else {
            return Vec::new();
        };
        let columns = constraint.columns.clone();
        let rows = match constraint.kind {
            ConstraintFactsKind::Check => {
                constraint.expression.clone().map(|expression| FailingRows::Violation { expression })
            }
            ConstraintFactsKind::NotNull => Some(FailingRows::Null { columns }),
            ConstraintFactsKind::ForeignKey => {
                let references = constraint.references.as_ref();
                references.and_then(|_| inherited_key(self.table, self.relation, self.facts, constraint))
            }
            _ => None,
        };
        rows.into_iter().collect()
    }
}

/// The rows that equal another one in all of these columns.
pub(super) fn unique_key(columns: &[String]) -> FailingRows {
    let key = columns.iter().map(|column| KeyPart::Column(column.clone())).collect();
    FailingRows::Duplicate { key, condition: None, nulls_are_equal: false }
}

/// The rows without a match for a foreign key that a table inherits.
pub(super) fn inherited_key(
    table: &ObjectName,
    relation: &Relation,
    facts: &Facts,
    key: &ConstraintFacts,
) -> Option<FailingRows> {
    let subject = Subject { table, relation, facts };
    subject.orphans(
        key.columns.clone(),
        key.references.as_ref()?,
        key.referenced_columns.clone(),
        key.is_match_full,
    )
}

fn key(index: &IndexConstraint<'_>) -> Option<Vec<KeyPart>> {
    let columns: Vec<KeyPart> =
        index.columns.iter().map(|column| KeyPart::Column(column.folded().into_owned())).collect();
    (index.using_index.is_none() && !columns.is_empty()).then_some(columns)
}

fn unique(index: &IndexConstraint<'_>) -> Option<FailingRows> {
    if index.without_overlaps {
        return exclusion::overlaps(index);
    }
    let key = key(index)?;
    Some(FailingRows::Duplicate { key, condition: None, nulls_are_equal: index.nulls_not_distinct })
}
