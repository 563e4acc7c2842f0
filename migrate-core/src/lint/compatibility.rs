//! Rules for changes that break the running release: the code from before the migration.

use super::loss::DROP_OBJECT;
use super::rule::{Risk, Rule, family};
use super::script::{Found, Statement};
use crate::set::options::Phase;
use crate::sql::statement::{
    AlterAction, AlterActionKind as Action, AlterRelation, AlterType, ColumnChange, ColumnDefinition,
    ConstraintKind, DomainChange, DropObjects, Name, ObjectChange, ObjectKind, PrivilegeTarget,
    QualifiedName, RowSecurity, StatementKind as Kind, TypeChange, TypeName,
};

family! {
    Compatibility, default;
    RENAME_TABLE = "rename-table", Dangerous, "all",
        happens: "The running release uses the old name and fails.",
        why: "Both releases run while one replaces the other.",
        safe: "Create a view with the old name in the same script (with security_invoker since PostgreSQL 15), and drop it in \
               the contract phase.",
        silent: "The table is new, or the script's phase is contract.";
    RENAME_COLUMN = "rename-column", Dangerous, "all",
        happens: "The running release reads and writes the old name and fails.",
        why: "Both releases run while one replaces the other.",
        safe: "Add a column with the new name, keep the two in sync with a trigger, and drop the old one in the contract phase.",
        silent: "The table is new, or the script's phase is contract.";
    RENAME_OBJECT = "rename-object", Dangerous, "all",
        happens: "The running release uses the old name and fails.",
        why: "Both releases run while one replaces the other.",
        safe: "Create a second object with the new name, and drop the old one in the contract phase.",
        silent: "The object is new, is an index or a constraint, or the script's phase is contract.";
    SET_SCHEMA = "set-schema", Dangerous, "all",
        happens: "The running release looks for it in the old schema and fails.",
        why: "Both releases run while one replaces the other.",
        safe: "Create a view in the old schema in the same script, and drop it in the contract phase.",
        silent: "The object is new, or the script's phase is contract.";
    ADD_REQUIRED_COLUMN = "add-required-column", Dangerous, "all",
        happens: "The statement fails if the table has rows. Inserts by the running release are rejected.",
        why: "The column is NOT NULL and has no default.",
        safe: "Give the column a default, or add it without NOT NULL, fill it, and make it NOT NULL in the contract phase.",
        silent: "The table is new, or the column has a default, an identity or a serial type.";
    DROP_DEFAULT = "drop-default", Dangerous, "all",
        happens: "Inserts by the running release that omit the column are rejected.",
        why: "The column is NOT NULL and no longer has a default.",
        safe: "Drop the default in the contract phase.",
        silent: "The column is not known to be NOT NULL, or the script's phase is contract.";
    DEFAULT_CHANGED = "default-changed", Careful, "all",
        happens: "Rows that the running release inserts get a different value than it expects.",
        why: "The default applies to all releases at once.",
        safe: "Have the new release write the value itself, and change the default in the contract phase.",
        silent: "The table or the column is new.";
    NOT_NULL_DROPPED = "not-null-dropped", Careful, "all",
        happens: "The running release may read a null where there was none before.",
        why: "The new release may write nulls while the old one still reads.",
        safe: "Write no nulls until every release can read them.",
        silent: "The table is new.";
    NEW_WRITE_RESTRICTION = "new-write-restriction", Careful, "all",
        happens: "Writes by the running release that violate the constraint are rejected.",
        why: "The constraint applies to all releases at once, even if it is NOT VALID.",
        safe: "Add it in the contract phase, when every writer satisfies it.",
        silent: "The table or the column is new, or the script's phase is contract.";
    DEFINITION_REPLACED = "definition-replaced", Careful, "all",
        happens: "The running release gets the new definition at commit.",
        why: "A view or a function has one definition for all releases.",
        safe: "Create a second one with another name if the results differ, and drop the old one in the contract phase.",
        silent: "The view or the function is new, or the set does not create it.";
    CACHED_PLAN = "cached-plan", Careful, "all",
        happens: "Prepared statements of the running release fail once with `cached plan must not change result type`.",
        why: "The result columns have a different type than when the statement was prepared.",
        safe: "Have the pool prepare the statement again after SQLSTATE 0A000, and name columns instead of `*`.",
        silent: "The table is new.";
    ROW_SECURITY = "row-security", Careful, "all",
        happens: "Roles that do not own the table see only the rows that policies allow.",
        why: "Without a policy, row-level security hides all rows. A restrictive or a changed policy may hide more.",
        safe: "Create the policies in the same script.",
        silent: "The table is new.";
    REVOKE = "revoke", Careful, "all",
        happens: "Statements of the running release that still use the privilege are rejected.",
        why: "The change takes effect at commit.",
        safe: "Revoke in the contract phase.",
        silent: "The object is new, or the script's phase is contract.";
    CONTRACT_IN_EXPAND = "contract-in-expand", Dangerous, "all",
        happens: "The running release loses what it uses, although the script says `phase=expand`.",
        why: "The expand phase is for changes that do not affect the running release.",
        safe: "Move the statement to a script with `phase=contract`.",
        silent: "The script has no phase, or its phase is `contract`.";
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    // The previous release no longer runs.
    if statement.phase == Some(Phase::Contract) {
        return;
    }
    match &statement.parsed.kind {
        Kind::AlterRelation(alter) if !statement.model.is_new(&alter.relation.name) => {
            for action in &alter.actions {
                found.extend(of_relation(statement, alter, action));
                found.extend(of_columns(statement, alter, action));
            }
        }
        Kind::AlterType(alter) => found.extend(of_type(statement, alter)),
        Kind::AlterDomain(alter) => match &alter.change {
            DomainChange::Object(change) => {
                found.extend(of_object(statement, ObjectKind::Domain, &alter.name, change));
            }
            DomainChange::SetNotNull | DomainChange::AddConstraint(_)
                if !statement.model.is_made(ObjectKind::Domain, &alter.name) =>
            {
                let name = alter.name.written();
                let message =
                    format!("values of {name} that violate the constraint are rejected from now on");
                found.push(Found::new(&NEW_WRITE_RESTRICTION, statement.span(), name, message));
            }
            _ => {}
        },
        Kind::CreateIndex(create) if create.is_unique && !statement.model.is_new(&create.table.name) => {
            let table = create.table.name.written();
            let message = format!("duplicate rows of {table} are rejected from now on");
            found.push(Found::new(&NEW_WRITE_RESTRICTION, statement.span(), table, message));
        }
        Kind::CreateView(_) | Kind::CreateRoutine(_) => found.extend(replaced(statement)),
        Kind::CreateOnTable(create)
            if create.kind == ObjectKind::Policy && create.definition.has_word("RESTRICTIVE") =>
        {
            found.extend(policy(statement, &create.table, create.name.written()));
        }
        Kind::AlterObject(alter) if alter.kind == ObjectKind::Policy => {
            let name = alter.name.as_ref().map(QualifiedName::written).unwrap_or_default();
            found.extend(alter.on.as_ref().and_then(|table| policy(statement, table, &name)));
        }
        Kind::AlterObject(alter) => {
            if let Some(name) = &alter.name {
                found.extend(of_object(statement, alter.kind, name, &alter.change));
            }
        }
        Kind::Drop(drop) => objects(statement, drop, found),
        Kind::Privileges(change) if !change.is_grant => {
            let is_of_tables = |on: &&PrivilegeTarget<'_>| on.kind.is_relation() && !on.in_schema;
            let tables = change.on.as_ref().filter(is_of_tables).map(|on| &on.names[..]).unwrap_or_default();
            if tables.is_empty() || !tables.iter().all(|name| statement.model.is_new(name)) {
                let message = format!("{} is denied from now on", change.privileges.text());
                found.push(Found::new(&REVOKE, statement.span(), change.grantees.text(), message));
            }
        }
        _ => {}
    }
}

/// Finds a view or a function that is replaced although the set created it earlier.
fn replaced(statement: &Statement<'_>) -> Option<Found> {
    let name = statement.parsed.target()?;
    let (kind, is_known) = match &statement.parsed.kind {
        Kind::CreateView(create) => {
            (ObjectKind::View, create.or_replace && statement.model.relation(&name).is_some())
        }
        Kind::CreateRoutine(create) => {
            (ObjectKind::Function, create.or_replace && statement.model.has_routine(&name))
        }
        _ => return None,
    };
    (is_known && !statement.model.is_made(kind, &name)).then(|| {
        let message = format!("the running release gets the new definition of {}", name.written());
        Found::new(&DEFINITION_REPLACED, statement.span(), name.written(), message)
    })
}

/// Returns the finding about a policy that may hide rows.
fn policy(statement: &Statement<'_>, table: &QualifiedName<'_>, name: &str) -> Option<Found> {
    let message = format!("the policy {name} may hide rows of {} that were visible", table.written());
    let is_in_use = !statement.model.is_new(table);
    is_in_use.then(|| Found::new(&ROW_SECURITY, statement.span(), table.written(), message))
}

/// Finds a contradiction between a statement and the phase of its script.
pub(super) fn against_phase(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let worst =
        found.iter().find(|of| of.risk >= Risk::Dangerous).filter(|_| statement.phase == Some(Phase::Expand));
    let Some(worst) = worst else { return };
    let message = format!("phase=expand must not break the running release, but {}", worst.message);
    found.push(Found { rule: &CONTRACT_IN_EXPAND, risk: Risk::Dangerous, message, ..worst.clone() });
}

fn of_relation(
    statement: &Statement<'_>,
    alter: &AlterRelation<'_>,
    action: &AlterAction<'_>,
) -> Option<Found> {
    let table = alter.relation.name.written();
    let is_index = alter.kind == ObjectKind::Index;
    let (rule, message) = match &action.kind {
        Action::RenameTo { to } if alter.kind == ObjectKind::Table => {
            (&RENAME_TABLE, format!("{table} is renamed to {to}, which the running release does not know"))
        }
        Action::RenameTo { to } if !is_index => {
            (&RENAME_OBJECT, format!("{table} is renamed to {to}, which the running release does not know"))
        }
        Action::RenameColumn { from, to } => (
            &RENAME_COLUMN,
            format!("{table}.{from} is renamed to {to}, which the running release does not know"),
        ),
        Action::SetSchema { schema } if !is_index => (
            &SET_SCHEMA,
            format!("{table} moves to the schema {schema}, and the running release looks in the old one"),
        ),
        Action::RowSecurity(RowSecurity::Enable | RowSecurity::Force) => {
            (&ROW_SECURITY, format!("rows of {table} are hidden from roles to which no policy allows access"))
        }
        Action::RenameConstraint { from, to } if may_be_named(statement, alter, *from) => {
            let message = format!(
                "ON CONFLICT ON CONSTRAINT {from} of the running release fails: it is {to} from now on"
            );
            return Some(Found::new(&RENAME_OBJECT, action.span, table, message).at_risk(Risk::Careful));
        }
        _ => return None,
    };
    Some(Found::new(rule, action.span, table, message))
}

/// True if `ON CONFLICT` may name a constraint: a key.
fn may_be_named(statement: &Statement<'_>, alter: &AlterRelation<'_>, name: Name<'_>) -> bool {
    use crate::sql::facts::ConstraintFactsKind::{Exclusion, PrimaryKey, Unique};
    let relation = statement.model.relation(&alter.relation.name);
    let known = relation.and_then(|relation| {
        relation.constraints.iter().find(|of| of.name.as_deref() == Some(&*name.folded()))
    });
    known.is_none_or(|known| matches!(known.kind, Exclusion | PrimaryKey | Unique))
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
                "{name} is NOT NULL without a default: the statement fails if there are rows, and inserts that omit it are \
                 rejected"
            );
            found(&ADD_REQUIRED_COLUMN, name, message)
        }
        Action::AddConstraint(constraint) => {
            let is_of_index = matches!(&constraint.kind, ConstraintKind::PrimaryKey(index) | ConstraintKind::Unique(index) if index.using_index.is_some());
            if is_of_index || constraint.enforced == Some(false) {
                return None;
            }
            let message = format!("rows of {table} that violate the constraint are rejected from now on");
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
                    let message =
                        format!("{name} no longer has a default: inserts that omit it are rejected");
                    found(&DROP_DEFAULT, name, message)
                }
                ColumnChange::SetDefault(_) => {
                    let message =
                        format!("{name} gets a different value in rows that the running release inserts");
                    found(&DEFAULT_CHANGED, name, message)
                }
                ColumnChange::SetNotNull => {
                    let message = format!("rows in which {name} is null are rejected from now on");
                    found(&NEW_WRITE_RESTRICTION, name, message)
                }
                ColumnChange::DropNotNull => {
                    let message =
                        format!("{name} may be null from now on, which the running release may not expect");
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

/// True if rows without a value for the column are rejected.
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
                "the value {} of {name} is renamed to {}, which the running release does not know",
                from.text(),
                to.text()
            )
        }
        TypeChange::RenameAttribute { from, to } => {
            format!("{from} of {name} is renamed to {to}, which the running release does not know")
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
    // Code does not use these by name.
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
        ObjectChange::RenameTo { to } => {
            (&RENAME_OBJECT, format!("{shown} is renamed to {to}, which the running release does not know"))
        }
        ObjectChange::SetSchema { schema } => (
            &SET_SCHEMA,
            format!("{shown} moves to the schema {schema}, and the running release looks in the old one"),
        ),
        _ => return None,
    };
    Some(Found::new(rule, statement.span(), shown, message))
}

/// Finds dropped objects that hold no data but that code uses.
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
            "the {} {shown} is dropped: code that still uses it fails or behaves differently",
            drop.kind.as_sql().to_ascii_lowercase()
        );
        found.push(Found::new(&DROP_OBJECT, name.span(), shown, message).at_risk(risk));
    }
}
