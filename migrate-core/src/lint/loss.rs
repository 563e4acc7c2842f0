//! Rules for permanent data loss.

use super::rule::{Risk, Rule, family};
use super::script::{Found, Statement};
use crate::sql::facts::SqlType;
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, ColumnChange, DropObjects, LexedStatement, Name, ObjectKind,
    QualifiedName, Span, StatementKind as Kind,
};
use crate::sql::{Loss, LossKind, losses};

family! {
    DROP_TABLE = "drop-table", VeryRisky, "all",
        happens: "The table and its rows are gone, and code that still uses it fails.",
        why: "Only a backup has them after the commit.",
        safe: "Drop it in the contract phase, when no release uses it any more; rename it some days before, so that it can come back.",
        silent: "The table is new.";
    DROP_COLUMN = "drop-column", VeryRisky, "all",
        happens: "The column's values are gone, with its indexes and constraints, and code that still reads it fails.",
        why: "Only a backup has them after the commit.",
        safe: "Drop it in the contract phase, when no release uses it any more.",
        silent: "The table or the column is new.";
    DROP_SCHEMA = "drop-schema", VeryRisky, "all",
        happens: "The schema is gone, with CASCADE all that is in it.",
        why: "Only a backup has it after the commit.",
        safe: "Drop what is in it one by one, in the contract phase, and then the schema without CASCADE.",
        silent: "The schema is new.";
    DROP_DATABASE = "drop-database", VeryRisky, "all",
        happens: "The database is gone with all that is in it.",
        why: "It can't be rolled back.",
        safe: "Drop databases by hand, behind a backup.",
        silent: "Never.";
    DROP_OWNED = "drop-owned", VeryRisky, "all",
        happens: "All that the role owns in the database is gone.",
        why: "The statement does not say what that is.",
        safe: "REASSIGN OWNED first, or drop what is meant by its name.",
        silent: "Never.";
    TRUNCATE = "truncate", VeryRisky, "all",
        happens: "All rows of the table are gone, with CASCADE those of all tables that refer to it.",
        why: "Only a backup has them after the commit.",
        safe: "Delete the rows that are meant, in batches, and copy them to another table before.",
        silent: "The table is new.";
    DELETE_ALL_ROWS = "delete-all-rows", VeryRisky, "all",
        happens: "All rows of the table are gone.",
        why: "There is no WHERE, or one that is always true.",
        safe: "Say in WHERE which rows are meant, and copy them to another table before.",
        silent: "The table is new.";
    OVERWRITE_VALUES = "overwrite-values", VeryRisky, "all",
        happens: "The column has a new value in every row, and the old ones are gone.",
        why: "There is no WHERE, or one that is always true.",
        safe: "Say in WHERE which rows are meant, or write into a new column and keep the old one until the contract phase.",
        silent: "The table or the column is new.";
    DELETE_ROWS = "delete-rows", Careful, "all",
        happens: "The rows that the condition finds are gone.",
        why: "How many they are depends on the data, which is another one in production.",
        safe: "Count them by a verify script, and delete many of them in batches.",
        silent: "The table is new.";
    DROP_CASCADE = "drop-cascade", Dangerous, "all",
        happens: "What depends on the object goes along: views, foreign keys, columns.",
        why: "CASCADE does not say what it takes, and takes more next time.",
        safe: "Drop what depends on it by name, and leave CASCADE out.",
        silent: "The object is new.";
    DROP_KEY = "drop-key", Dangerous, "all",
        happens: "Rows may repeat from now on, ON CONFLICT on these columns fails, and queries lose the index.",
        why: "The key's index goes with it, and so do the foreign keys that refer to it where CASCADE is said.",
        safe: "Create the new key before, and drop the old one in the contract phase.",
        silent: "The table is new, or the constraint is known to be no key.";
    DROP_OBJECT = "drop-object", Dangerous, "all",
        happens: "Code and queries that still use it fail.",
        why: "What the running release calls is not known to the database.",
        safe: "Drop it in the contract phase, when no release uses it any more.",
        silent: "The object is new, or the script's phase is contract.";
    DROP_SEQUENCE = "drop-sequence", VeryRisky, "all",
        happens: "The sequence and the number it has come to are gone.",
        why: "A new one begins anew, and gives numbers out a second time.",
        safe: "Drop it in the contract phase, when no release uses it any more.",
        silent: "The sequence is new.";
    DROP_EXTENSION = "drop-extension", VeryRisky, "all",
        happens: "The types, functions and tables of the extension are gone, with CASCADE the columns of its types too.",
        why: "The statement does not say what they are.",
        safe: "Change the columns of its types before, and leave CASCADE out.",
        silent: "Never.";
    TYPE_NARROWS = "type-narrows", VeryRisky, "all",
        happens: "Values lose what the new type can't hold: digits, the time of day, characters; or the statement fails on them.",
        why: "The old values are not kept.",
        safe: "Look for values that don't fit before, by a CHECK NOT VALID that is validated; or add a new column and keep the old one.",
        silent: "The old type is not known, or the new one holds all its values.";
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let lost = losses(statement.text, &statement.model.facts);
    cascade(statement, &lost, found);
    match &statement.parsed.kind {
        Kind::Drop(drop) => objects(statement, drop, found),
        Kind::AlterRelation(alter) if !statement.model.is_new(&alter.relation.name) => {
            columns(statement, alter, &lost, found);
        }
        Kind::Delete(delete) if lost.is_empty() && !statement.model.is_new(&delete.table.name) => {
            let table = delete.table.name.written();
            let message = format!("rows of {table} are gone, as many as the condition finds");
            found.push(Found::new(&DELETE_ROWS, statement.span(), table, message));
        }
        _ => {}
    }
    let own = lost.iter().filter(|loss| !loss.goes_along);
    found.extend(own.filter_map(|loss| in_rows(statement, loss)));
}

/// Rows and values that are lost.
fn in_rows(statement: &Statement<'_>, loss: &Loss) -> Option<Found> {
    let name = &loss.name;
    let (rule, message) = match (loss.kind, &statement.parsed.kind) {
        (LossKind::Rows, Kind::Truncate(_)) => (&TRUNCATE, format!("all rows of {name} are gone")),
        (LossKind::Rows, _) => (&DELETE_ALL_ROWS, format!("all rows of {name} are gone")),
        (LossKind::Values, _) => {
            (&OVERWRITE_VALUES, format!("the old values of {name} are gone in every row"))
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
        format!("what depends on {subject} goes along")
    } else {
        format!("along with {subject} go at least: {}", names.join(", "))
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
            ObjectKind::Table => format!("the table {written} and its rows are gone"),
            ObjectKind::Owned => format!("all that {written} owns is gone"),
            _ => format!("the {kind} {written} is gone"),
        };
        found.push(Found::new(rule, name.span(), written, message));
    }
}

/// The rule for what losing such an object means, where it is no matter of its own.
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
                    let message = format!("the column {name} and its values are gone");
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
                    let message = format!("from {old} to {new} a value {loses}");
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

/// A key that is dropped: one that is known, or by its name one that the server named.
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
    let what = if by_name { "by its name a key, " } else { "" };
    let message = format!("{shown}, {what}is gone: rows may repeat, and its index is lost");
    let message = if by_name { message } else { message.replacen(", is", " is", 1) };
    Some(Found::new(&DROP_KEY, span, shown, message))
}

const TOO_LONG: &str = "that is longer makes the statement fail";

/// Returns what a value may lose when its type changes from `old` to `new`; none if nothing.
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
            let scale = |modifiers: &[u32]| modifiers.get(1).copied().unwrap_or(0);
            let is_cut = !new.modifiers.is_empty()
                && (old.modifiers.is_empty() || scale(&new.modifiers) < scale(&old.modifiers));
            is_cut.then_some("is rounded")
        }
        (float, integer) if is_float(float) && is_integer(integer) => Some("is rounded"),
        ("float8" | "numeric", "float4") | ("numeric", "float8") => Some("loses digits"),
        ("timestamp" | "timestamptz", "date") => Some("loses the time of day"),
        ("timestamp" | "timestamptz", "time" | "timetz") => Some("loses the date"),
        ("timestamptz" | "timestamp", "timestamptz" | "timestamp")
        | ("time", "time")
        | ("timetz", "timetz" | "time") => {
            let precision = |modifiers: &[u32]| modifiers.first().copied().unwrap_or(6);
            (precision(&new.modifiers) < precision(&old.modifiers)).then_some("loses parts of a second")
        }
        _ => None,
    }
}

/// A type, as it is named in the catalog, with its modifiers.
struct TypeParts {
    base: String,
    modifiers: Vec<u32>,
}

fn parts(written: &str) -> Option<TypeParts> {
    let lexed = LexedStatement::new(written);
    let name = lexed.parse_type().filter(|name| !name.is_array)?;
    let modifiers = name.modifiers.iter().map(|modifier| modifier.text().parse()).collect::<Result<_, _>>();
    Some(TypeParts { base: name.base().into_owned(), modifiers: modifiers.ok()? })
}
