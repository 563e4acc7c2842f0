//! Rules for design problems that do no immediate harm.

use super::finding::Finding;
use super::model::Model;
use super::rule::family;
use super::script::{Found, Statement};
use crate::set::version::Version;
use crate::sql::TokenKind;
use crate::sql::facts::{ConstraintFactsKind as Known, ObjectName, RelationKind};
use crate::sql::statement::{
    self, AlterActionKind as Action, ColumnDefinition, Constraint, ConstraintKind, Name, ParsedStatement,
    QualifiedName, StatementKind as Kind,
};

family! {
    Design, default;
    FK_WITHOUT_INDEX = "fk-without-index", Careful, "all",
        happens: "Each delete or update of a referenced row reads the whole referencing table.",
        why: "PostgreSQL does not create an index for a foreign key.",
        safe: "Run CREATE INDEX CONCURRENTLY on the key's columns, in its own script.",
        silent: "Any migration of the set creates an index that begins with the columns.";
    FK_TYPE_MISMATCH = "fk-type-mismatch", Careful, "all",
        happens: "Values of the referenced column may not fit into the referencing column, and joins convert each value.",
        why: "The two columns have different types.",
        safe: "Give both columns the same type.",
        silent: "The type of one of the columns is unknown.";
    LONG_IDENTIFIER = "long-identifier", Careful, "all",
        happens: "The name is truncated to 63 bytes, and two long names may become the same.",
        why: "PostgreSQL truncates longer names, and reports it only in a notice.",
        safe: "Use a shorter name.",
        silent: "The name has at most 63 bytes.";
}

/// The maximum length of a name in bytes; the server truncates longer ones (`NAMEDATALEN` less one).
const LONGEST_NAME: usize = 63;

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let all = statement.parsed.all;
    for token in all.tokens() {
        let written = all.written(*token);
        let length = match token.kind {
            TokenKind::Word => written.len(),
            TokenKind::QuotedIdentifier => written.replace("\"\"", "\"").len().saturating_sub(2),
            _ => continue,
        };
        if length > LONGEST_NAME {
            let span = statement::Span { start: token.start, end: token.end };
            let message =
                format!("the name {written} has {length} bytes; the server truncates it to {LONGEST_NAME}");
            found.push(Found::new(&LONG_IDENTIFIER, span, written, message));
        }
    }
    types(statement.parsed, statement.model, found);
}

/// A foreign key, and the finding if the set creates no index for it.
pub(super) struct ForeignKey {
    pub(super) version: Version,
    pub(super) key: KeyColumns,
    pub(super) finding: Finding,
}

/// The columns of a foreign key.
#[derive(Clone, Debug)]
pub(super) struct KeyColumns {
    table: ObjectName,
    columns: Vec<String>,
}

/// Returns the foreign keys that a statement adds.
pub(super) fn foreign_keys(parsed: &ParsedStatement<'_>, model: &Model) -> Vec<(KeyColumns, Found)> {
    let mut keys = Vec::new();
    match &parsed.kind {
        Kind::CreateTable(create) => {
            for column in &create.columns {
                keys.extend(of_column(&create.name, column, model));
            }
            let constraints = create.constraints.iter();
            keys.extend(
                constraints.filter_map(|constraint| of_constraint(&create.name, constraint, None, model)),
            );
        }
        Kind::AlterRelation(alter) => {
            for action in &alter.actions {
                match &action.kind {
                    Action::AddColumn { column, .. } => {
                        keys.extend(of_column(&alter.relation.name, column, model));
                    }
                    Action::AddConstraint(constraint) => {
                        keys.extend(of_constraint(&alter.relation.name, constraint, None, model));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    keys
}

fn of_column(
    table: &QualifiedName<'_>,
    column: &ColumnDefinition<'_>,
    model: &Model,
) -> Vec<(KeyColumns, Found)> {
    let constraints = column.constraints.iter();
    constraints.filter_map(|constraint| of_constraint(table, constraint, Some(column.name), model)).collect()
}

fn of_constraint(
    table: &QualifiedName<'_>,
    constraint: &Constraint<'_>,
    column: Option<Name<'_>>,
    model: &Model,
) -> Option<(KeyColumns, Found)> {
    let ConstraintKind::ForeignKey(key) = &constraint.kind else { return None };
    let names: Vec<Name<'_>> = column.into_iter().chain(key.columns.iter().copied()).collect();
    let columns: Vec<String> = names.iter().map(|name| name.folded().into_owned()).collect();
    let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    let subject = format!("{}.{}", table.written(), shown.join(", "));
    let message =
        format!("no index of the set begins with {subject}, which references {}", key.table.written());
    let found = Found::new(&FK_WITHOUT_INDEX, constraint.span, subject, message);
    Some((KeyColumns { table: model.object(table), columns }, found))
}

/// Returns the keys for which the set creates no index, with the migrations that add them.
pub(super) fn without_index(keys: &[ForeignKey], model: &Model) -> Vec<(Version, Finding)> {
    let lacks = |key: &&ForeignKey| {
        let KeyColumns { table, columns } = &key.key;
        let Some(relation) = model.facts.relations.get(table) else { return false };
        let is_there =
            relation.constraints.iter().any(|of| of.kind == Known::ForeignKey && of.columns == *columns);
        let has_index = model.facts.relations.values().any(|index| {
            index.kind == RelationKind::Index
                && index.table.as_ref() == Some(table)
                && index.table_columns.len() >= columns.len()
                && columns.iter().all(|column| index.table_columns[..columns.len()].contains(column))
        });
        is_there && !has_index
    };
    keys.iter().filter(lacks).map(|key| (key.version.clone(), key.finding.clone())).collect()
}

/// Finds foreign keys whose columns have different types.
fn types(parsed: &ParsedStatement<'_>, model: &Model, found: &mut Vec<Found>) {
    let Kind::AlterRelation(alter) = &parsed.kind else { return };
    for action in &alter.actions {
        let Action::AddConstraint(constraint) = &action.kind else { continue };
        let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
        let (Some(own), Some(other)) = (model.relation(&alter.relation.name), model.relation(&key.table))
        else {
            continue;
        };
        let referenced: Vec<String> = match &key.referenced_columns[..] {
            [] => other
                .constraints
                .iter()
                .find(|of| of.kind == Known::PrimaryKey)
                .map(|of| of.columns.clone())
                .unwrap_or_default(),
            columns => columns.iter().map(|name| name.folded().into_owned()).collect(),
        };
        for (column, other_column) in key.columns.iter().zip(&referenced) {
            let types = (
                own.column(&column.folded()).and_then(|column| column.data_type.as_ref()),
                other.column(other_column).and_then(|column| column.data_type.as_ref()),
            );
            let (Some(one), Some(two)) = types else { continue };
            if one != two {
                let subject = format!("{}.{column}", alter.relation.name);
                let message = format!(
                    "{subject} has type {one}, but {}.{other_column} has type {two}",
                    key.table.written()
                );
                found.push(Found::new(&FK_TYPE_MISMATCH, constraint.span, subject, message));
            }
        }
    }
}
