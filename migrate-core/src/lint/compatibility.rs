//! Rules for changes that break the code running during the migration: the previous release.

use super::loss::DROP_OBJECT;
use super::rule::{Risk, Rule, family};
use super::script::{Found, Statement};
use crate::set::options::Phase;
use crate::sql::statement::{
    AlterAction, AlterActionKind as Action, AlterRelation, AlterType, ColumnChange, ColumnDefinition,
    ConstraintKind, DomainChange, DropObjects, ObjectChange, ObjectKind, QualifiedName, RowSecurity,
    StatementKind as Kind, TypeChange, TypeName,
};

family! {
    RENAME_TABLE = "rename-table", Dangerous, "all",
        happens: "The release that runs looks for the old name and fails.",
        why: "Both releases run while one takes the place of the other.",
        safe: "Make a view of the old name in the same script (security_invoker since PostgreSQL 15), and drop it in the contract phase.",
        silent: "The table is new, or the script's phase is contract.";
    RENAME_COLUMN = "rename-column", Dangerous, "all",
        happens: "The release that runs reads and writes the old name and fails.",
        why: "Both releases run while one takes the place of the other.",
        safe: "Add a column of the new name, keep both equal by a trigger, and drop the old one in the contract phase.",
        silent: "The table is new, or the script's phase is contract.";
    RENAME_OBJECT = "rename-object", Dangerous, "all",
        happens: "The release that runs uses the old name and fails.",
        why: "Both releases run while one takes the place of the other.",
        safe: "Make a second one of the new name, and drop the old one in the contract phase.",
        silent: "It is new, an index or a constraint, or the script's phase is contract.";
    SET_SCHEMA = "set-schema", Dangerous, "all",
        happens: "The release that runs looks for it in the old schema and fails.",
        why: "Both releases run while one takes the place of the other.",
        safe: "Make a view in the old schema in the same script, and drop it in the contract phase.",
        silent: "It is new, or the script's phase is contract.";
    ADD_REQUIRED_COLUMN = "add-required-column", Dangerous, "all",
        happens: "The statement fails where the table has rows, and rows that the running release inserts are refused.",
        why: "The column is NOT NULL and has no default.",
        safe: "Give it a default, or add it without NOT NULL, fill it, and make it NOT NULL in the contract phase.",
        silent: "The table is new, or the column has a default, an identity or a serial type.";
    DROP_DEFAULT = "drop-default", Dangerous, "all",
        happens: "Rows that the running release inserts without the column are refused.",
        why: "The column is NOT NULL, and has no default any more.",
        safe: "Drop the default in the contract phase.",
        silent: "The column may be null as far as is known, or the script's phase is contract.";
    DEFAULT_CHANGED = "default-changed", Careful, "all",
        happens: "Rows that the running release inserts have another value than it expects.",
        why: "The default holds for all releases at once.",
        safe: "Let the new release write the value itself, and change the default in the contract phase.",
        silent: "The table or the column is new.";
    NOT_NULL_DROPPED = "not-null-dropped", Careful, "all",
        happens: "The running release may read a null where it never met one.",
        why: "The new release may write nulls while the old one still reads.",
        safe: "Let no release write nulls before all can read them.",
        silent: "The table is new.";
    NEW_WRITE_RESTRICTION = "new-write-restriction", Careful, "all",
        happens: "Rows that the running release writes are refused where they do not satisfy it.",
        why: "It holds for all releases at once, NOT VALID too.",
        safe: "Add it in the contract phase, when all that write satisfy it.",
        silent: "The table or the column is new, or the script's phase is contract.";
    CACHED_PLAN = "cached-plan", Careful, "all",
        happens: "Prepared statements of the running release fail once with `cached plan must not change result type`.",
        why: "The columns of a result have another type than when it was prepared.",
        safe: "Let the pool prepare anew after SQLSTATE 0A000, and name columns instead of `*`.",
        silent: "The table is new.";
    ROW_SECURITY = "row-security", Careful, "all",
        happens: "Roles that do not own the table see no rows, but for what policies allow.",
        why: "Without a policy row-level security hides everything.",
        safe: "Create the policies before, in the same script.",
        silent: "The table is new.";
    REVOKE = "revoke", Careful, "all",
        happens: "The running release is refused what it still does with the privilege.",
        why: "It holds from the commit on.",
        safe: "Revoke in the contract phase.",
        silent: "The object is new, or the script's phase is contract.";
    CONTRACT_IN_EXPAND = "contract-in-expand", Dangerous, "all",
        happens: "The release that runs loses what it uses, though the script says `phase=expand`.",
        why: "The expand phase is for what the running release does not mind.",
        safe: "Move the statement to a script with `phase=contract`.",
        silent: "The script says no phase, or `contract`.";
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    // The old release is gone.
    if statement.phase == Some(Phase::Contract) {
        return;
    }
    match &statement.parsed.kind {
        Kind::AlterRelation(alter) if !statement.model.is_new(&alter.relation.name) => {
            for action in &alter.actions {
                found.extend(of_relation(alter, action));
                found.extend(of_columns(statement, alter, action));
            }
        }
        Kind::AlterType(alter) => found.extend(of_type(statement, alter)),
        Kind::AlterDomain(alter) => {
            if let DomainChange::Object(change) = &alter.change {
                found.extend(of_object(statement, ObjectKind::Domain, &alter.name, change));
            }
        }
        Kind::AlterObject(alter) => {
            if let Some(name) = &alter.name {
                found.extend(of_object(statement, alter.kind, name, &alter.change));
            }
        }
        Kind::Drop(drop) => objects(statement, drop, found),
        Kind::Privileges(change) if !change.is_grant => {
            let names = change.on.as_ref().map(|on| &on.names[..]).unwrap_or_default();
            if names.is_empty() || !names.iter().all(|name| statement.model.is_new(name)) {
                let message = format!("{} is refused from now on", change.privileges.text());
                found.push(Found::new(&REVOKE, statement.span(), change.grantees.text(), message));
            }
        }
        _ => {}
    }
}

/// Finds a contradiction between a statement and the phase of its script.
pub(super) fn against_phase(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let worst =
        found.iter().find(|of| of.risk >= Risk::Dangerous).filter(|_| statement.phase == Some(Phase::Expand));
    let Some(worst) = worst else { return };
    let message =
        format!("phase=expand is for what the running release does not mind, but {}", worst.message);
    found.push(Found { rule: &CONTRACT_IN_EXPAND, risk: Risk::Dangerous, message, ..worst.clone() });
}

fn of_relation(alter: &AlterRelation<'_>, action: &AlterAction<'_>) -> Option<Found> {
    let table = alter.relation.name.written();
    let is_index = alter.kind == ObjectKind::Index;
    let (rule, message) = match &action.kind {
        Action::RenameTo { to } if alter.kind == ObjectKind::Table => (
            &RENAME_TABLE,
            format!("{table} is called {to} from now on, and the running release does not know that"),
        ),
        Action::RenameTo { to } if !is_index => (
            &RENAME_OBJECT,
            format!("{table} is called {to} from now on, and the running release does not know that"),
        ),
        Action::RenameColumn { from, to } => (
            &RENAME_COLUMN,
            format!("{table}.{from} is called {to} from now on, and the running release does not know that"),
        ),
        Action::SetSchema { schema } if !is_index => {
            (&SET_SCHEMA, format!("{table} moves to {schema}, and the running release does not know that"))
        }
        Action::RowSecurity(RowSecurity::Enable | RowSecurity::Force) => (
            &ROW_SECURITY,
            format!("rows of {table} are hidden from roles that no policy allows to see them"),
        ),
        _ => return None,
    };
    Some(Found::new(rule, action.span, table, message))
}

fn of_columns(
    statement: &Statement<'_>,
    alter: &AlterRelation<'_>,
    action: &AlterAction<'_>,
) -> Option<Found> {
    let table = alter.relation.name.written();
    let found = |rule: &'static Rule, subject: String, message: String| {
        Some(Found::new(rule, action.span, subject, message))
    };
    match &action.kind {
        Action::AddColumn { column, .. } if is_required(column) => {
            let name = format!("{table}.{}", column.name);
            let message = format!(
                "{name} is NOT NULL without a default: rows without it are refused, those that are there too"
            );
            found(&ADD_REQUIRED_COLUMN, name, message)
        }
        Action::AddConstraint(constraint) => {
            let is_of_index = matches!(&constraint.kind, ConstraintKind::PrimaryKey(index) | ConstraintKind::Unique(index) if index.using_index.is_some());
            if is_of_index || constraint.enforced == Some(false) {
                return None;
            }
            let message =
                format!("rows of {table} that do not satisfy the constraint are refused from now on");
            found(&NEW_WRITE_RESTRICTION, table, message)
        }
        Action::AlterColumn { column: Some(column), change } => {
            let known = statement
                .model
                .relation(&alter.relation.name)
                .and_then(|table| table.column(&column.folded()));
            if known.is_some_and(|known| known.is_new) {
                return None;
            }
            let name = format!("{table}.{column}");
            match change {
                ColumnChange::DropDefault if known.is_some_and(|known| known.is_not_null) => {
                    let message = format!("rows without {name} are refused, which has no default any more");
                    found(&DROP_DEFAULT, name, message)
                }
                ColumnChange::SetDefault(_) => {
                    let message =
                        format!("{name} has another value in rows that the running release inserts");
                    found(&DEFAULT_CHANGED, name, message)
                }
                ColumnChange::SetNotNull => {
                    let message = format!("rows without {name} are refused from now on");
                    found(&NEW_WRITE_RESTRICTION, name, message)
                }
                ColumnChange::DropNotNull => {
                    let message = format!(
                        "{name} may be null from now on, and the running release may not expect that"
                    );
                    found(&NOT_NULL_DROPPED, name, message)
                }
                ColumnChange::SetType { .. } => {
                    let message = format!("prepared statements that read {name} fail once");
                    found(&CACHED_PLAN, name, message)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// True if rows without a value for the column are refused.
fn is_required(column: &ColumnDefinition<'_>) -> bool {
    let has_value = column.default.is_some()
        || column.identity.is_some()
        || column.generated.is_some()
        || column.type_name.as_ref().is_some_and(TypeName::is_serial);
    !has_value && (column.is_not_null() || column.is_primary_key())
}

fn of_type(statement: &Statement<'_>, alter: &AlterType<'_>) -> Option<Found> {
    if statement.model.is_made(ObjectKind::Type, &alter.name) {
        return None;
    }
    let name = alter.name.written();
    let message = match &alter.change {
        TypeChange::RenameValue { from, to } => {
            format!(
                "the value {} of {name} is {} from now on, and the running release does not know that",
                from.text(),
                to.text()
            )
        }
        TypeChange::RenameAttribute { from, to } => {
            format!("{from} of {name} is called {to} from now on, and the running release does not know that")
        }
        TypeChange::Object(change) => return of_object(statement, ObjectKind::Type, &alter.name, change),
        _ => return None,
    };
    Some(Found::new(&RENAME_OBJECT, statement.span(), name, message))
}

fn of_object(
    statement: &Statement<'_>,
    kind: ObjectKind,
    name: &QualifiedName<'_>,
    change: &ObjectChange<'_>,
) -> Option<Found> {
    // Nothing calls these by name.
    let is_called = !matches!(
        kind,
        ObjectKind::Trigger
            | ObjectKind::Policy
            | ObjectKind::Rule
            | ObjectKind::Statistics
            | ObjectKind::EventTrigger
    );
    if !is_called || statement.model.is_made(kind, name) {
        return None;
    }
    let shown = name.written();
    let (rule, message) = match change {
        ObjectChange::RenameTo { to } => (
            &RENAME_OBJECT,
            format!("{shown} is called {to} from now on, and the running release does not know that"),
        ),
        ObjectChange::SetSchema { schema } => {
            (&SET_SCHEMA, format!("{shown} moves to {schema}, and the running release does not know that"))
        }
        _ => return None,
    };
    Some(Found::new(rule, statement.span(), shown, message))
}

/// Objects that have no data, but that code uses.
fn objects(statement: &Statement<'_>, drop: &DropObjects<'_>, found: &mut Vec<Found>) {
    let risk = match drop.kind {
        ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::ForeignTable
        | ObjectKind::Type
        | ObjectKind::Domain
        | ObjectKind::Function
        | ObjectKind::Procedure
        | ObjectKind::Routine
        | ObjectKind::Aggregate
        | ObjectKind::Operator
        | ObjectKind::Cast
        | ObjectKind::Collation
        | ObjectKind::Publication
        | ObjectKind::Subscription
        | ObjectKind::Role
        | ObjectKind::User => Risk::Dangerous,
        ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule => Risk::Careful,
        _ => return,
    };
    for name in drop.names.iter().filter(|name| !statement.model.is_made(drop.kind, name)) {
        let shown = name.written();
        let message = format!(
            "the {} {shown} is gone, and what still uses it fails or does something else",
            drop.kind.as_sql().to_ascii_lowercase()
        );
        found.push(Found::new(&DROP_OBJECT, name.span(), shown, message).at_risk(risk));
    }
}
