//! Rules for data loss that only a backup can undo.

use super::rule::{Risk, Rule, family};
use super::script::{Found, Statement};
use crate::sql::facts::SqlType;
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, ColumnChange, DropObjects, LexedStatement, Name, ObjectKind,
    ParsedStatement, QualifiedName, Span, StatementKind as Kind,
};
use crate::sql::{Loss, LossKind, changes_all, losses_of};

family! {
    DataLoss, default;
    DROP_TABLE = "drop-table", VeryRisky, "all",
        happens: "Deletes the table and its rows. Code that still uses it fails.",
        why: "After commit, only a backup still has them.",
        safe: "Drop it in the contract phase, when no release uses it anymore. Rename it a few days earlier, so that you can \
               bring it back.",
        silent: "The table is new.";
    DROP_COLUMN = "drop-column", VeryRisky, "all",
        happens: "Deletes the column's values, indexes and constraints. Code that still reads it fails.",
        why: "After commit, only a backup still has the values.",
        safe: "Drop it in the contract phase, when no release uses it anymore.",
        silent: "The table or the column is new.";
    DROP_SCHEMA = "drop-schema", VeryRisky, "all",
        happens: "Deletes the schema, and with CASCADE everything in it.",
        why: "After commit, only a backup still has it.",
        safe: "Drop its objects one by one in the contract phase, then drop the schema without CASCADE.",
        silent: "The schema is new.";
    DROP_DATABASE = "drop-database", VeryRisky, "all",
        happens: "Deletes the database and everything in it.",
        why: "DROP DATABASE cannot be rolled back.",
        safe: "Drop databases manually, after a backup.",
        silent: "Never.";
    DROP_OWNED = "drop-owned", VeryRisky, "all",
        happens: "Deletes everything that the role owns in the database.",
        why: "The statement does not name the objects.",
        safe: "Run REASSIGN OWNED first, or drop the intended objects by name.",
        silent: "Never.";
    TRUNCATE = "truncate", VeryRisky, "all",
        happens: "Deletes all rows of the table, and with CASCADE those of all tables that reference it.",
        why: "After commit, only a backup still has them.",
        safe: "Delete the intended rows in batches, and copy them to another table first.",
        silent: "The table is new.";
    DELETE_ALL_ROWS = "delete-all-rows", VeryRisky, "all",
        happens: "Deletes all rows of the table.",
        why: "There is no WHERE clause, or it is always true.",
        safe: "Select the intended rows with WHERE, and copy them to another table first.",
        silent: "The table is new.";
    OVERWRITE_VALUES = "overwrite-values", VeryRisky, "all",
        happens: "Replaces the column's value in every row. The old values are lost.",
        why: "There is no WHERE clause, or it is always true.",
        safe: "Select the intended rows with WHERE, or write to a new column and keep the old one until the contract phase.",
        silent: "The table or the column is new.";
    DELETE_ROWS = "delete-rows", Careful, "all",
        happens: "Deletes the rows that match the condition.",
        why: "Their number depends on the data, which is different in production.",
        safe: "Count them with a verify script, and delete large numbers of rows in batches.",
        silent: "The table is new.";
    DROP_CASCADE = "drop-cascade", Dangerous, "all",
        happens: "Also drops the objects that depend on this one: views, foreign keys, columns.",
        why: "CASCADE does not name the objects it drops, and may drop more the next time.",
        safe: "Drop the dependent objects by name, and omit CASCADE.",
        silent: "The object is new.";
    DROP_KEY = "drop-key", Dangerous, "all",
        happens: "Duplicate rows are allowed from now on, ON CONFLICT on these columns fails, and queries lose the index.",
        why: "The key's index is dropped with the key. With CASCADE, so are the foreign keys that reference it.",
        safe: "Create the new key first, and drop the old one in the contract phase.",
        silent: "The table is new, or the constraint is known not to be a key.";
    DROP_OBJECT = "drop-object", Dangerous, "all",
        happens: "Code and queries that still use it fail.",
        why: "The database does not know what the running release calls.",
        safe: "Drop it in the contract phase, when no release uses it anymore.",
        silent: "The object is new, or the script's phase is contract.";
    DROP_SEQUENCE = "drop-sequence", VeryRisky, "all",
        happens: "Deletes the sequence and its current value.",
        why: "A new sequence starts over and returns the same numbers a second time.",
        safe: "Drop it in the contract phase, when no release uses it anymore.",
        silent: "The sequence is new.";
    DROP_EXTENSION = "drop-extension", VeryRisky, "all",
        happens: "Deletes the extension's types, functions and tables, and with CASCADE the columns of its types.",
        why: "The statement does not name them.",
        safe: "Change the columns of its types first, and omit CASCADE.",
        silent: "Never.";
    CATALOG_EDITED = "catalog-edited", VeryRisky, "all",
        happens: "The database may be damaged so that its objects cannot be used or dropped.",
        why: "The server does not check changes of its catalog, and keeps other parts of it in step only for its own commands.",
        safe: "Use the command for it. To remove a value of an enum, create a new type, change the columns, then drop the old type.",
        silent: "The table is not in pg_catalog.";
    TYPE_NARROWS = "type-narrows", VeryRisky, "all",
        happens: "Values lose what the new type cannot hold (digits, the time of day, characters), or the statement fails.",
        why: "The old values are not kept.",
        safe: "Check first that all values fit, with a NOT VALID CHECK that is then validated, or add a new column and keep the old one.",
        silent: "The old type is unknown, or the new type can hold all its values.";
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let lost = losses_of(statement.parsed, &statement.model.facts);
    cascade(statement, &lost, found);
    match &statement.parsed.kind {
        Kind::Drop(drop) => objects(statement, drop, found),
        Kind::AlterRelation(alter) if !statement.model.is_new(&alter.relation.name) => {
            columns(statement, alter, &lost, found);
        }
        _ => {}
    }
    found.extend(catalog(statement));
    found.extend(deleted(statement, statement.parsed));
    for inner in statement.parsed.with_statements() {
        found.extend(deleted(statement, &inner));
    }
    let own = lost.iter().filter(|loss| !loss.goes_along);
    found.extend(own.filter_map(|loss| in_rows(statement, loss)));
}

/// Finds rows that are deleted by a condition.
fn deleted(statement: &Statement<'_>, changes: &ParsedStatement<'_>) -> Option<Found> {
    let table = match &changes.kind {
        Kind::Delete(delete) if !changes_all(&changes.kind, statement.model.relation(&delete.table.name)) => {
            &delete.table.name
        }
        Kind::Merge(merge) if changes.all.has_word("DELETE") => &merge.table.name,
        _ => return None,
    };
    if statement.model.is_new(table) {
        return None;
    }
    let table = table.written();
    let message = format!("the rows of {table} that match the condition are deleted");
    Some(Found::new(&DELETE_ROWS, statement.span(), table, message))
}

/// Finds changes of the catalog's rows.
fn catalog(statement: &Statement<'_>) -> Option<Found> {
    let table = match &statement.parsed.kind {
        Kind::Insert(insert) => &insert.table,
        Kind::Update(update) => &update.table.name,
        Kind::Delete(delete) => &delete.table.name,
        _ => return None,
    };
    let is_catalog = match table.schema() {
        Some(schema) => schema.folded() == "pg_catalog",
        None => table.name().folded().starts_with("pg_") && statement.model.relation(table).is_none(),
    };
    let shown = table.written();
    let message = format!("rows of the catalog's table {shown} are changed by hand");
    is_catalog.then(|| Found::new(&CATALOG_EDITED, statement.span(), shown, message))
}

/// Finds rows and values that are lost.
fn in_rows(statement: &Statement<'_>, loss: &Loss) -> Option<Found> {
    let name = &loss.name;
    let (rule, message) = match (loss.kind, &statement.parsed.kind) {
        (LossKind::Rows, Kind::Truncate(_)) => (&TRUNCATE, format!("all rows of {name} are deleted")),
        (LossKind::Rows, _) => (&DELETE_ALL_ROWS, format!("all rows of {name} are deleted")),
        (LossKind::Values, _) => {
            (&OVERWRITE_VALUES, format!("the values of {name} are overwritten in every row"))
        }
        _ => return None,
    };
    Some(Found::new(rule, statement.span(), name.clone(), message))
}

/// Finds the losses that CASCADE adds.
fn cascade(statement: &Statement<'_>, lost: &[Loss], found: &mut Vec<Found>) {
    let subject = match &statement.parsed.kind {
        Kind::Drop(drop)
            if drop.cascade && !drop.names.iter().all(|name| statement.model.is_made(drop.kind, name)) =>
        {
            drop.names.iter().map(QualifiedName::written).collect::<Vec<_>>().join(", ")
        }
        Kind::Truncate(truncate) if truncate.cascade && !lost.is_empty() => {
            truncate.tables.iter().map(|table| table.name.written()).collect::<Vec<_>>().join(", ")
        }
        Kind::AlterRelation(alter) if !statement.model.is_new(&alter.relation.name) && cascades(alter) => {
            alter.relation.name.written()
        }
        _ => return,
    };
    let along: Vec<&Loss> = lost.iter().filter(|loss| loss.goes_along).collect();
    let names: Vec<String> = along.iter().map(|loss| format!("{} {}", loss.kind, loss.name)).collect();
    let message = if names.is_empty() {
        format!("CASCADE also deletes everything that depends on {subject}")
    } else {
        format!("CASCADE on {subject} also deletes at least: {}", names.join(", "))
    };
    let is_data = |loss: &&Loss| {
        matches!(loss.kind, LossKind::Table | LossKind::Column | LossKind::Rows | LossKind::Sequence)
    };
    let risk = if along.iter().any(is_data) { Risk::VeryRisky } else { Risk::Dangerous };
    found.push(Found::new(&DROP_CASCADE, statement.span(), subject, message).at_risk(risk));
}

fn cascades(alter: &AlterRelation<'_>) -> bool {
    alter.actions.iter().any(|action| {
        matches!(
            action.kind,
            Action::DropColumn { cascade: true, .. } | Action::DropConstraint { cascade: true, .. }
        )
    })
}

fn objects(statement: &Statement<'_>, drop: &DropObjects<'_>, found: &mut Vec<Found>) {
    let Some(rule) = rule_for(drop.kind) else { return };
    for name in drop.names.iter().filter(|name| !statement.model.is_made(drop.kind, name)) {
        let kind = drop.kind.as_sql().to_ascii_lowercase();
        let written = name.written();
        let message = match drop.kind {
            ObjectKind::Table => format!("the table {written} and its rows are deleted"),
            ObjectKind::Owned => format!("everything that {written} owns is deleted"),
            _ => format!("the {kind} {written} is deleted"),
        };
        found.push(Found::new(rule, name.span(), written, message));
    }
}

/// Returns the rule for dropping an object of a kind; none for a kind without data.
fn rule_for(kind: ObjectKind) -> Option<&'static Rule> {
    Some(match kind {
        ObjectKind::Table => &DROP_TABLE,
        ObjectKind::Schema => &DROP_SCHEMA,
        ObjectKind::Database => &DROP_DATABASE,
        ObjectKind::Owned => &DROP_OWNED,
        ObjectKind::Sequence => &DROP_SEQUENCE,
        ObjectKind::Extension => &DROP_EXTENSION,
        _ => return None,
    })
}

fn columns(statement: &Statement<'_>, alter: &AlterRelation<'_>, lost: &[Loss], found: &mut Vec<Found>) {
    let table = alter.relation.name.written();
    for action in &alter.actions {
        match &action.kind {
            Action::DropColumn { column, .. } => {
                let name = format!("{}.{column}", alter.relation.name);
                if lost.iter().any(|loss| loss.kind == LossKind::Column && loss.name == name) {
                    let along = statement.model.on_column(&alter.relation.name, &column.folded());
                    let along = along.into_iter().collect::<Vec<_>>().join(", ");
                    let along = if along.is_empty() { along } else { format!(", and with them {along}") };
                    let message = format!("the column {name} and its values are gone{along}");
                    found.push(Found::new(&DROP_COLUMN, action.span, name, message));
                }
            }
            Action::DropConstraint { name, .. } => {
                found.extend(key(statement, alter, name, action.span, lost));
            }
            Action::AlterColumn { column: Some(column), change: ColumnChange::SetType { type_name, .. } } => {
                let relation = statement.model.relation(&alter.relation.name);
                let old = relation.and_then(|relation| relation.column(&column.folded())?.data_type.as_ref());
                let new = SqlType::read(type_name.span.text(statement.text));
                if let (Some(old), Some(new)) = (old, new)
                    && let Some(loses) = narrows(old, &new)
                {
                    let message = format!("from {old} to {new}, {loses}");
                    let risk = if loses == TOO_LONG { Risk::Dangerous } else { Risk::VeryRisky };
                    found.push(
                        Found::new(&TYPE_NARROWS, action.span, format!("{table}.{column}"), message)
                            .at_risk(risk),
                    );
                }
            }
            _ => {}
        }
    }
}

/// Finds a dropped key: a known one, or one with the kind of name that the server gives to a key.
fn key(
    statement: &Statement<'_>,
    alter: &AlterRelation<'_>,
    name: &Name<'_>,
    span: Span,
    lost: &[Loss],
) -> Option<Found> {
    let shown = format!("{}.{name}", alter.relation.name);
    let folded = name.folded();
    let constraints = statement.model.relation(&alter.relation.name).map(|relation| &relation.constraints);
    let is_known = constraints.is_some_and(|constraints| {
        constraints.iter().any(|constraint| constraint.name.as_deref() == Some(&*folded))
    });
    let is_key = lost.iter().any(|loss| loss.kind == LossKind::Constraint && loss.name == shown);
    let by_name = !is_known && (folded.ends_with("_pkey") || folded.ends_with("_key"));
    if !is_key && !by_name {
        return None;
    }
    let what = if by_name { ", a key by its name," } else { "" };
    let message = format!("{shown}{what} is dropped with its index: duplicate rows are allowed");
    Some(Found::new(&DROP_KEY, span, shown, message))
}

const TOO_LONG: &str = "longer values make the statement fail";

/// Describes the loss of values when a type changes from `old` to `new`; none if there is no loss.
fn narrows(old: &SqlType, new: &SqlType) -> Option<&'static str> {
    let (old, new) = (old.to_string(), new.to_string());
    let (old, new) = (parts(&old)?, parts(&new)?);
    let is_integer =
        |base: &str| matches!(base, "int2" | "int4" | "int8" | "smallint" | "integer" | "bigint");
    let is_float = |base: &str| matches!(base, "float4" | "float8" | "real" | "double precision" | "numeric");
    match (old.base.as_str(), new.base.as_str()) {
        ("varchar" | "text" | "bpchar", "varchar" | "bpchar") => {
            let new = new.modifiers.first()?;
            let grows = old.modifiers.first().is_some_and(|old| old <= new);
            (!grows).then_some(TOO_LONG)
        }
        ("numeric", "numeric") => {
            let scale = |modifiers: &[i32]| modifiers.get(1).copied().unwrap_or(0);
            let is_cut = !new.modifiers.is_empty()
                && (old.modifiers.is_empty() || scale(&new.modifiers) < scale(&old.modifiers));
            is_cut.then_some("values are rounded")
        }
        (float, integer) if is_float(float) && is_integer(integer) => Some("values are rounded"),
        ("float8" | "numeric", "float4") | ("numeric", "float8") => Some("values lose digits"),
        ("timestamp" | "timestamptz", "date") => Some("values lose the time of day"),
        ("timestamp" | "timestamptz", "time" | "timetz") => Some("values lose the date"),
        ("timestamptz" | "timestamp", "timestamptz" | "timestamp")
        | ("time", "time")
        | ("timetz", "timetz" | "time") => {
            let precision = |modifiers: &[i32]| modifiers.first().copied().unwrap_or(6);
            (precision(&new.modifiers) < precision(&old.modifiers))
                .then_some("values lose fractional seconds")
        }
        _ => None,
    }
}

/// The catalog name of a type, and its modifiers.
struct TypeParts {
    base: String,
    modifiers: Vec<i32>,
}

fn parts(written: &str) -> Option<TypeParts> {
    let lexed = LexedStatement::new(written);
    let name = lexed.parse_type().filter(|name| !name.is_array)?;
    let modifiers = name.modifiers.iter().map(|modifier| modifier.text().parse()).collect::<Result<_, _>>();
    Some(TypeParts { base: name.base().into_owned(), modifiers: modifiers.ok()? })
}
