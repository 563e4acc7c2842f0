//! Checks and foreign keys: `NOT VALID`, and validated in a later script.

use super::alter::{Changed, Table};
use super::context::{Context, list, written};
use super::names::{addition, columns_in, sql};
use super::step::{Key, Place, Step, Undo};
use crate::sql::statement::{Constraint, ConstraintKind, Name, Span};

/// The rules about the cost of adding a constraint.
pub(super) const RULES: [&str; 6] = [
    "check-scans",
    "foreign-key-scans",
    "not-null-scans",
    "unique-builds-index",
    "primary-key-builds-index",
    "primary-key-using-nullable",
];

/// The rule about the cost of adding a constraint of this kind.
pub(super) fn rule(kind: &ConstraintKind<'_>) -> &'static str {
    match kind {
        ConstraintKind::Check { .. } => "check-scans",
        ConstraintKind::ForeignKey(_) => "foreign-key-scans",
        ConstraintKind::NotNull { .. } => "not-null-scans",
        ConstraintKind::Unique(_) => "unique-builds-index",
        ConstraintKind::PrimaryKey(index) if index.using_index.is_some() => "primary-key-using-nullable",
        ConstraintKind::PrimaryKey(_) => "primary-key-builds-index",
        ConstraintKind::Exclude(_) => "exclude-builds-index",
    }
}

/// A constraint to add to a table.
pub(super) struct Added<'a> {
    pub(super) name: Option<Name<'a>>,
    pub(super) kind: &'a ConstraintKind<'a>,
    pub(super) constraint: &'a Constraint<'a>,
    /// The definition as a table constraint, without a name.
    pub(super) definition: String,
    /// The column of a column constraint.
    pub(super) column: Option<Name<'a>>,
}

impl<'a> Added<'a> {
    pub(super) fn of_table(text: &str, constraint: &'a Constraint<'a>) -> Added<'a> {
        let definition = definition(text, constraint).to_owned();
        Added { name: constraint.name, kind: &constraint.kind, constraint, definition, column: None }
    }

    pub(super) fn of_column(text: &str, constraint: &'a Constraint<'a>, column: Name<'a>) -> Added<'a> {
        let own = definition(text, constraint);
        let definition = match &constraint.kind {
            ConstraintKind::ForeignKey(_) => format!("FOREIGN KEY ({}) {own}", written(&column)),
            _ => own.to_owned(),
        };
        Added { name: constraint.name, kind: &constraint.kind, constraint, definition, column: Some(column) }
    }

    /// The columns: those that it lists, or the one that it belongs to.
    pub(super) fn columns(&self, listed: &[Name<'a>]) -> Vec<Name<'a>> {
        self.column.map_or_else(|| listed.to_vec(), |column| vec![column])
    }
}

/// A constraint without its name.
fn definition<'t>(text: &'t str, constraint: &Constraint<'_>) -> &'t str {
    let start = constraint.name.map_or(constraint.span.start, |name| name.span().end);
    Span { start, end: constraint.span.end }.text(text).trim()
}

/// Adds a constraint `NOT VALID`, and validates it later.
pub(super) fn add(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    added: &Added<'_>,
) -> Result<Changed, String> {
    let relation = &table.alter.relation.name;
    if matches!(added.kind, ConstraintKind::ForeignKey(_))
        && context.is_partitioned(relation)
        && !context.is_at_least(18)
    {
        return Err(
            "before PostgreSQL 18, a foreign key of a partitioned table can't be NOT VALID".to_owned()
        );
    }
    let name = name(context, table, added);
    let action = format!("ADD CONSTRAINT {name} {} NOT VALID", added.definition);
    let key = Key::Constraint(context.model.object(relation), folded(&name));
    Ok(Changed {
        undo: vec![Undo::of(key, format!("{}DROP CONSTRAINT {name}", table.head))],
        validations: vec![vec![validation(&table.head, &name, &action)]],
        actions: vec![action],
        ..Changed::default()
    })
}

/// The step that validates a constraint, which `action` added `NOT VALID`.
pub(super) fn validation(head: &str, name: &str, action: &str) -> Step {
    Step::new(format!("{head}VALIDATE CONSTRAINT {name}"), Place::Slow)
        .undone_by([Undo::new(format!("{head}DROP CONSTRAINT {name}, {action}"))])
}

/// The name of a constraint as SQL: its own, or the one that the server would choose.
fn name(context: &mut Context<'_>, table: &Table<'_, '_>, added: &Added<'_>) -> String {
    if let Some(name) = added.name {
        return written(&name);
    }
    let object = context.model.object(&table.alter.relation.name);
    let facts = context.facts();
    let (middle, label) = match added.kind {
        ConstraintKind::ForeignKey(key) => {
            let columns = added.columns(&key.columns);
            let columns: Vec<_> = columns.iter().map(Name::folded).collect();
            (Some(addition(columns.iter().map(AsRef::as_ref))), "fkey")
        }
        ConstraintKind::Check { expression } => {
            let known = facts.relations.get(&object).and_then(|relation| relation.columns.as_ref());
            let known: Option<Vec<String>> = known.map(|columns| {
                let own = added_columns(table);
                columns.iter().map(|column| column.name.clone()).chain(own).collect()
            });
            let known: Option<Vec<&str>> =
                known.as_ref().map(|columns| columns.iter().map(String::as_str).collect());
            let columns = columns_in(*expression, known.as_deref());
            // The name of a check on several columns contains none of them.
            (<[String; 1]>::try_from(columns).ok().map(|[column]| column), "check")
        }
        ConstraintKind::NotNull { column } => (column.map(|column| column.folded().into_owned()), "not_null"),
        _ => (None, "check"),
    };
    sql(&context.names.constraint(facts, &object, middle.as_deref(), label))
}

/// The columns that the statement adds.
fn added_columns(table: &Table<'_, '_>) -> Vec<String> {
    use crate::sql::statement::AlterActionKind as Action;
    let added = table.alter.actions.iter().filter_map(|action| match &action.kind {
        Action::AddColumn { column, .. } => Some(column.name.folded().into_owned()),
        _ => None,
    });
    added.collect()
}

/// A name in SQL as the server reads it.
pub(super) fn folded(name: &str) -> String {
    let lexed = crate::sql::statement::LexedStatement::new(name);
    lexed.expression().name().map_or_else(|| name.to_owned(), |name| name.folded().into_owned())
}

/// A list of columns in parentheses.
pub(super) fn in_parentheses(names: &[Name<'_>]) -> String {
    format!("({})", list(names))
}
