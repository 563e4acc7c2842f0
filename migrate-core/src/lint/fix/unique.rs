//! Unique constraints and primary keys: by an index that is built concurrently.

use super::alter::{Changed, Table};
use super::constraint::{Added, folded, in_parentheses};
use super::context::{Context, path, written};
use super::names::{addition, sql};
use super::not_null;
use super::step::{Key, Place, Step, Undo};
use crate::sql::facts::Facts;
use crate::sql::statement::{
    AlterActionKind as Action, ColumnChange, ColumnDefinition, IndexConstraint, Name,
};

/// Adds a `UNIQUE` constraint.
pub(super) fn add_unique(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    added: &Added<'_>,
    index: &IndexConstraint<'_>,
) -> Result<Changed, String> {
    Ok(Changed { uniques: by_index(context, table, added, index, "UNIQUE")?, ..Changed::default() })
}

/// Adds a primary key: its columns become `NOT NULL` first.
pub(super) fn add_primary(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    added: &Added<'_>,
    index: &IndexConstraint<'_>,
) -> Result<Changed, String> {
    let columns = match &index.using_index {
        Some(index) => index_columns(context, table, index)?,
        None => added
            .columns(&index.columns)
            .iter()
            .map(|name| (written(name), name.folded().into_owned()))
            .collect(),
    };
    let mut changed = Changed::default();
    // A column that the statement adds is NOT NULL already.
    if added.column.is_none() {
        for (column, name) in columns {
            if is_nullable(context, table, &name) {
                let Changed { actions, undo, validations, .. } =
                    not_null::change(context, table, &column, &name);
                changed.actions.extend(actions);
                changed.undo.splice(0..0, undo);
                super::context::merge(&mut changed.validations, validations);
            }
        }
    }
    changed.primary = match &index.using_index {
        Some(_) => vec![vec![using(context, table, added)]],
        None => by_index(context, table, added, index, "PRIMARY KEY")?,
    };
    Ok(changed)
}

/// The columns of an index of the table.
fn index_columns(
    context: &Context<'_>,
    table: &Table<'_, '_>,
    index: &Name<'_>,
) -> Result<Vec<(String, String)>, String> {
    let schema = context.model.object(&table.alter.relation.name).schema;
    let object = crate::sql::facts::ObjectName::new(schema, index.folded());
    let index = context.facts().relations.get(&object);
    let index = index.filter(|index| !index.table_columns.is_empty());
    let index = index.ok_or_else(|| "the columns of the index are not known".to_owned())?;
    Ok(index.table_columns.iter().map(|name| (sql(name), name.clone())).collect())
}

/// The step of a primary key by an index that exists.
fn using(context: &Context<'_>, table: &Table<'_, '_>, added: &Added<'_>) -> Step {
    let object = context.model.object(&table.alter.relation.name);
    let name = added.name.map(|name| format!("CONSTRAINT {} ", written(&name))).unwrap_or_default();
    let mut step = Step::new(format!("{}ADD {name}{}", table.head, added.definition), Place::Block);
    step.keys.extend(added.name.map(|name| Key::Constraint(object, name.folded().into_owned())));
    step
}

fn is_nullable(context: &Context<'_>, table: &Table<'_, '_>, column: &str) -> bool {
    let is_made = table.alter.actions.iter().any(|action| match &action.kind {
        Action::AlterColumn { column: Some(name), change: ColumnChange::SetNotNull } => {
            name.folded() == column
        }
        Action::AddColumn { column: added, .. } => added.name.folded() == column && is_not_null(added),
        _ => false,
    });
    let relation = context.relation(&table.alter.relation.name);
    !is_made && !relation.is_some_and(|relation| Facts::is_proven_not_null(relation, column))
}

/// True if a new column can't be null.
pub(super) fn is_not_null(column: &ColumnDefinition<'_>) -> bool {
    column.is_not_null()
        || column.identity.is_some()
        || column.type_name.as_ref().is_some_and(crate::sql::statement::TypeName::is_serial)
}

/// The stages of a constraint by an index: build it, and make it the constraint's.
fn by_index(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    added: &Added<'_>,
    index: &IndexConstraint<'_>,
    kind: &str,
) -> Result<Vec<Vec<Step>>, String> {
    let relation = &table.alter.relation.name;
    if context.is_partitioned(relation) {
        return Err("an index of a partitioned table can't be built concurrently".to_owned());
    }
    if index.without_overlaps {
        return Err("a constraint with WITHOUT OVERLAPS can't use an existing index".to_owned());
    }
    if table.alter.if_exists {
        return Err(
            "whether the table exists is not known, and CREATE INDEX has no IF EXISTS for it".to_owned()
        );
    }
    let object = context.model.object(relation);
    let columns = added.columns(&index.columns);
    let name = match added.name {
        Some(name) => written(&name),
        None => {
            let facts = context.facts();
            let names: Vec<_> = columns.iter().chain(&index.include).map(Name::folded).collect();
            let middle = addition(names.iter().map(AsRef::as_ref));
            let (middle, label) = if kind == "UNIQUE" { (Some(&*middle), "key") } else { (None, "pkey") };
            sql(&context.names.index(facts, &object, middle, label, true))
        }
    };
    let mut definition = format!("{} {}", path(relation), in_parentheses(&columns));
    if !index.include.is_empty() {
        definition.push_str(&format!(" INCLUDE {}", in_parentheses(&index.include)));
    }
    if index.nulls_not_distinct {
        definition.push_str(" NULLS NOT DISTINCT");
    }
    if !index.options.is_empty() {
        let options: Vec<&str> = index.options.iter().map(|option| option.span.text(context.text)).collect();
        definition.push_str(&format!(" WITH ({})", options.join(", ")));
    }
    if let Some(tablespace) = &index.tablespace {
        definition.push_str(&format!(" TABLESPACE {}", written(tablespace)));
    }
    let build = format!("CREATE UNIQUE INDEX CONCURRENTLY {name} ON {definition}");
    let dropped = match object.schema.as_str() {
        _ if relation.schema().is_some() => {
            format!("{}.{name}", path(&relation.qualifier().unwrap_or_else(|| relation.clone())))
        }
        _ => name.clone(),
    };
    let built = Step::new(build.clone(), Place::Concurrent)
        .undone_by([Undo::new(format!("DROP INDEX CONCURRENTLY {dropped}"))]);
    let head = &table.head;
    let attributes = attributes(added);
    let add =
        Step::new(format!("{head}ADD CONSTRAINT {name} {kind} USING INDEX {name}{attributes}"), Place::Block)
            .undone_by([
                Undo::of(Key::Constraint(object, folded(&name)), format!("{head}DROP CONSTRAINT {name}")),
                Undo::new(build),
            ]);
    Ok(vec![vec![built], vec![add]])
}

fn attributes(added: &Added<'_>) -> String {
    let deferrable = match added.constraint.deferrable {
        Some(true) => " DEFERRABLE",
        _ if added.constraint.initially_deferred => " DEFERRABLE",
        _ => "",
    };
    let deferred = if added.constraint.initially_deferred { " INITIALLY DEFERRED" } else { "" };
    format!("{deferrable}{deferred}")
}
