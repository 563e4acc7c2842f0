//! Rules that are off by default: conventions on which teams differ.

use super::model::Model;
use super::rule::{Rule, family};
use super::script::{Found, Statement};
use crate::sql::facts::{ConstraintFactsKind as Known, RelationKind};
use crate::sql::statement::{
    AlterActionKind as Action, ColumnChange, ColumnDefinition, Constraint, ConstraintKind, CreateIndex,
    CreateTable, Name, ObjectChange, ObjectKind, ParsedStatement, Persistence, QualifiedName, Span,
    StatementKind as Kind, TypeDefinition, TypeName,
};
use std::collections::BTreeSet;

family! {
    Design, opt_in;
    NO_PRIMARY_KEY = "no-primary-key", Careful, "all",
        happens: "Rows cannot be told apart, and logical replication cannot send their updates and deletes.",
        why: "The table has no primary key.",
        safe: "Add a primary key while the table is new.",
        silent: "The table has a primary key at the end of the script, or is temporary or a partition.";
    INT_PRIMARY_KEY = "int-primary-key", Careful, "all",
        happens: "Inserts fail after 2,147,483,647 rows, and changing the type then rewrites the table.",
        why: "The primary key is an integer of four or two bytes.",
        safe: "Use bigint, or a UUID.",
        silent: "The key has another type or several columns.";
    DUPLICATE_INDEX = "duplicate-index", Careful, "all",
        happens: "Each write maintains an index that no query needs.",
        why: "Another index begins with the same columns.",
        safe: "Use the existing index.",
        silent: "The index has a condition, an expression or another method, or is unique.";
    WIDE_INDEX = "wide-index", Careful, "all",
        happens: "The index is large, and each write of one of its columns maintains it.",
        why: "It has more than three key columns, and few queries use all of them.",
        safe: "Index the most selective columns, and put others in INCLUDE.",
        silent: "The index has at most three key columns, or is unique.";
    DISCOURAGED_TYPE = "discouraged-type", Careful, "all",
        happens: "Values are padded, rounded, or lose their time zone or their currency.",
        why: "The type differs from what most readers expect of it.",
        safe: "Use the type that the message names.",
        silent: "The type is another one.";
    UNQUALIFIED_NAME = "unqualified-name", Careful, "all",
        happens: "The statement concerns another table where the search path differs.",
        why: "The name has no schema.",
        safe: "Write the schema: `app.users`.",
        silent: "The name has a schema, or the script sets the search path.";
    UNLOGGED_TABLE = "unlogged-table", Careful, "all",
        happens: "The table is empty after a crash, and on every replica.",
        why: "Its changes are not in the write-ahead log.",
        safe: "Leave out UNLOGGED unless the rows can be computed again.",
        silent: "The table is logged or temporary.";
    UNNAMED_CONSTRAINT = "unnamed-constraint", Careful, "all",
        happens: "A later migration that drops or validates the constraint may not find it.",
        why: "The server chooses the name, and chooses another one where it is taken.",
        safe: "Give it a name: `ADD CONSTRAINT users_age_check CHECK (…)`.",
        silent: "The constraint has a name, or is a column's NOT NULL or primary key.";
    CREATE_EXTENSION = "create-extension", Careful, "all",
        happens: "The migration fails where the role may not create the extension, or the server lacks it.",
        why: "Most extensions need a superuser, and files of the operating system.",
        safe: "Create the extension when the database is set up.",
        silent: "The statement creates something else.";
    UNIQUE_INSTEAD_OF_KEY = "unique-instead-of-key", Careful, "all",
        happens: "Tools and logical replication do not recognize the key of the table.",
        why: "A UNIQUE NOT NULL column does the work of a primary key.",
        safe: "Declare it PRIMARY KEY.",
        silent: "The table has a primary key.";
    MIXED_CASE_NAME = "mixed-case-name", Careful, "all",
        happens: "Every statement has to quote the name.",
        why: "The server turns names without quotes into lower case.",
        safe: "Use lower case and underscores.",
        silent: "The name is lower case.";
    DUPLICATE_ASSIGNMENT = "duplicate-assignment", Dangerous, "all",
        happens: "The statement fails with SQLSTATE 42601.",
        why: "It assigns to the same column twice.",
        safe: "Keep one of the assignments.",
        silent: "Each column occurs once.";
    CREATE_ENUM = "create-enum", Careful, "all",
        happens: "Values can be added and renamed later, but not removed or reordered.",
        why: "The type is an enum.",
        safe: "Use text with a CHECK, or a table of values.",
        silent: "The type is another one.";
    SEPARATE_ALTERS = "separate-alters", Careful, "all",
        happens: "The table is locked, and perhaps scanned or rewritten, once for each statement.",
        why: "Two ALTER TABLE statements in a row change the same table.",
        safe: "Write one ALTER TABLE with several actions.",
        silent: "The table is new, or the statements are committed separately.";
    CONCURRENTLY_ON_14 = "concurrently-on-14", Dangerous, "14.0 to 14.3",
        happens: "The index may lack rows, and queries that use it then miss them.",
        why: "PostgreSQL 14.0 to 14.3 build indexes CONCURRENTLY with a fault that 14.4 corrects.",
        safe: "Update the server to 14.4 or later first.",
        silent: "The server's major version is known not to be 14.";
    TABLE_INHERITANCE = "table-inheritance", Careful, "all",
        happens: "Keys and foreign keys of the parent do not hold for the rows of its children.",
        why: "Constraints other than CHECK and NOT NULL are not inherited.",
        safe: "Use partitions, or a foreign key between two tables.",
        silent: "The table inherits from no other.";
    COLUMN_ORDER = "column-order", Careful, "all",
        happens: "Each row is larger than necessary.",
        why: "Columns are aligned to their size, and the order leaves gaps.",
        safe: "Declare columns of eight bytes first, then those of four, two and one, then texts.",
        silent: "The order wastes fewer than eight bytes.";
    MISSING_VERIFY = "missing-verify", Careful, "all",
        happens: "Nobody notices if the statement changes other rows than intended.",
        why: "The migration changes rows and has no verify script.",
        safe: "Add a verify script that returns no row if all is well.",
        silent: "The migration has a verify script, or changes no rows of existing tables.";
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let (span, model) = (statement.span(), statement.model);
    let mut add =
        |rule, span, subject: String, message: String| found.push(Found::new(rule, span, subject, message));
    match &statement.parsed.kind {
        Kind::CreateTable(create) => {
            table(create, model, &mut add);
        }
        Kind::CreateIndex(create) => index(create, model, span, &mut add),
        Kind::CreateExtension(create) => {
            let name = create.name.to_string();
            add(&CREATE_EXTENSION, span, name.clone(), format!("the extension {name} is created"));
        }
        Kind::CreateType(create) if matches!(create.definition, TypeDefinition::Enum(_)) => {
            let name = create.name.written();
            add(
                &CREATE_ENUM,
                span,
                name.clone(),
                format!("values of {name} can be added later, but not removed"),
            );
        }
        Kind::Update(update) => twice(&update.table.name, &update.columns, statement.text, &mut add),
        Kind::Insert(insert) => twice(&insert.table, &insert.columns, statement.text, &mut add),
        Kind::AlterRelation(alter) => {
            for action in &alter.actions {
                let name = &alter.relation.name;
                match &action.kind {
                    Action::AddColumn { column, .. } => columns(name, std::slice::from_ref(column), &mut add),
                    Action::AddConstraint(constraint) => {
                        of_constraint(name, constraint, &mut add);
                        int_key(name, constraint, statement.model, &mut add);
                    }
                    Action::AlterColumn {
                        column: Some(column),
                        change: ColumnChange::SetType { type_name, .. },
                    } => {
                        of_type(name, *column, type_name, &mut add);
                    }
                    Action::Inherit { parent } => inherits(name, parent, action.span, &mut add),
                    Action::RenameTo { to } | Action::RenameColumn { to, .. } => cased(*to, &mut add),
                    _ => {}
                }
            }
        }
        Kind::AlterType(alter) => {
            if let crate::sql::statement::TypeChange::Object(ObjectChange::RenameTo { to }) = &alter.change {
                cased(*to, &mut add);
            }
        }
        _ => {}
    }
    unqualified(statement, &mut add);
    concurrently(statement, &mut add);
}

type Add<'a> = &'a mut dyn FnMut(&'static Rule, Span, String, String);

fn table(create: &CreateTable<'_>, model: &Model, add: Add<'_>) {
    let name = create.name.written();
    if create.persistence == Persistence::Unlogged {
        add(&UNLOGGED_TABLE, create.name.span(), name.clone(), format!("{name} is empty after a crash"));
    }
    for parent in &create.inherits {
        inherits(&create.name, parent, parent.span(), add);
    }
    columns(&create.name, &create.columns, add);
    for constraint in &create.constraints {
        of_constraint(&create.name, constraint, add);
        let key = key_column(constraint);
        let column =
            create.columns.iter().find(|column| key.is_some_and(|key| key.folded() == column.name.folded()));
        if let Some(column) = column {
            int_column(&create.name, column, add);
        }
    }
    cased(create.name.name(), add);
    order(create, model, add);
    let is_unique = |column: &&ColumnDefinition<'_>| {
        let is_of_unique = |of: &Constraint<'_>| matches!(of.kind, ConstraintKind::Unique(_));
        column.is_not_null() && column.constraints.iter().any(is_of_unique)
    };
    if let Some(column) = create.columns.iter().find(is_unique).filter(|_| !has_key(create)) {
        let shown = format!("{name}.{}", column.name);
        add(
            &UNIQUE_INSTEAD_OF_KEY,
            column.span,
            shown.clone(),
            format!("{shown} is UNIQUE NOT NULL, but not the primary key"),
        );
    }
}

fn has_key(create: &CreateTable<'_>) -> bool {
    let of_columns = create.columns.iter().any(ColumnDefinition::is_primary_key);
    of_columns || create.constraints.iter().any(|of| matches!(of.kind, ConstraintKind::PrimaryKey(_)))
}

/// Finds a new table that has no primary key once the script has run.
pub(super) fn without_key(create: &CreateTable<'_>, model: &Model) -> Option<Found> {
    let may_lack = create.persistence == Persistence::Temporary
        || create.partition_of.is_some()
        || create.is_foreign
        || !create.inherits.is_empty()
        || create.likes.iter().any(|like| like.options.has_word("ALL") || like.options.has_word("INDEXES"));
    let relation = model.relation(&create.name)?;
    let has_key = relation.constraints.iter().any(|of| of.kind == Known::PrimaryKey);
    (!may_lack && !has_key).then(|| {
        let name = create.name.written();
        Found::new(&NO_PRIMARY_KEY, create.name.span(), name.clone(), format!("{name} has no primary key"))
    })
}

/// Returns the finding about a statement that changes rows, in a migration without a verify script.
pub(super) fn unverified(statement: &Statement<'_>) -> Option<Found> {
    let table = match &statement.parsed.kind {
        Kind::Insert(insert) => &insert.table,
        Kind::Update(update) => &update.table.name,
        Kind::Delete(delete) => &delete.table.name,
        Kind::Merge(merge) => &merge.table.name,
        _ => return None,
    };
    (!statement.model.is_new(table)).then(|| {
        let message = format!("no verify script checks the rows of {}", table.written());
        Found::new(&MISSING_VERIFY, statement.span(), table.written(), message)
    })
}

/// The table of an `ALTER TABLE` whose actions can be combined with others.
pub(super) fn combinable(parsed: &ParsedStatement<'_>) -> Option<String> {
    let Kind::AlterRelation(alter) = &parsed.kind else { return None };
    let is_alone = |action: &Action<'_>| {
        matches!(
            action,
            Action::RenameTo { .. }
                | Action::RenameColumn { .. }
                | Action::RenameConstraint { .. }
                | Action::SetSchema { .. }
                | Action::AttachPartition { .. }
                | Action::DetachPartition { .. }
                | Action::ValidateConstraint { .. }
        )
    };
    let combines = !alter.actions.iter().any(|action| is_alone(&action.kind));
    (alter.kind == ObjectKind::Table && combines).then(|| alter.relation.name.folded())
}

/// Returns the finding about an `ALTER TABLE` that follows one of the same table.
pub(super) fn separate(before: Option<&str>, statement: &Statement<'_>) -> Option<Found> {
    let name = statement.parsed.target()?;
    let is_same = combinable(statement.parsed).is_some_and(|table| before == Some(&table));
    (is_same && !statement.model.is_new(&name)).then(|| {
        let message = format!("the statement before this one alters {}, too", name.written());
        Found::new(&SEPARATE_ALTERS, statement.span(), name.written(), message)
    })
}

/// Finds a column that occurs twice; parts of a column, `a.x` and `a[1]`, may.
fn twice(table: &QualifiedName<'_>, columns: &[Name<'_>], text: &str, add: Add<'_>) {
    let mut names = BTreeSet::new();
    let is_part = |name: &&Name<'_>| text[name.span().end..].trim_start().starts_with(['.', '[']);
    let mut whole = columns.iter().filter(|name| !is_part(name));
    if let Some(twice) = whole.find(|name| !names.insert(name.folded())) {
        let shown = format!("{}.{twice}", table.written());
        add(&DUPLICATE_ASSIGNMENT, twice.span(), shown.clone(), format!("{shown} is assigned twice"));
    }
}

fn inherits(table: &QualifiedName<'_>, parent: &QualifiedName<'_>, span: Span, add: Add<'_>) {
    let message = format!("keys of {} do not hold for the rows of {}", parent.written(), table.written());
    add(&TABLE_INHERITANCE, span, table.written(), message);
}

fn columns(table: &QualifiedName<'_>, columns: &[ColumnDefinition<'_>], add: Add<'_>) {
    for column in columns {
        cased(column.name, add);
        if let Some(type_name) = &column.type_name {
            of_type(table, column.name, type_name, add);
        }
        for constraint in &column.constraints {
            of_constraint(table, constraint, add);
        }
        if column.is_primary_key() {
            int_column(table, column, add);
        }
    }
}

fn int_column(table: &QualifiedName<'_>, column: &ColumnDefinition<'_>, add: Add<'_>) {
    const SHORT: [&str; 6] = ["int2", "int4", "serial", "serial4", "serial2", "smallserial"];
    let Some(type_name) = column.type_name.as_ref().filter(|of| SHORT.contains(&&*of.base())) else { return };
    let shown = format!("{}.{}", table.written(), column.name);
    add(
        &INT_PRIMARY_KEY,
        type_name.span,
        shown.clone(),
        format!("the primary key {shown} has fewer than eight bytes"),
    );
}

fn int_key(table: &QualifiedName<'_>, constraint: &Constraint<'_>, model: &Model, add: Add<'_>) {
    let Some(key) = key_column(constraint) else { return };
    let column = model.relation(table).and_then(|table| table.column(&key.folded()));
    let data_type = column.and_then(|column| column.data_type.as_ref()).map(ToString::to_string);
    if data_type.is_some_and(|of| matches!(of.as_str(), "int4" | "int2")) {
        let shown = format!("{}.{key}", table.written());
        add(
            &INT_PRIMARY_KEY,
            constraint.span,
            shown.clone(),
            format!("the primary key {shown} has fewer than eight bytes"),
        );
    }
}

/// The column of a primary key that has only one.
fn key_column<'t>(constraint: &Constraint<'t>) -> Option<Name<'t>> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey(key) if key.columns.len() == 1 => key.columns.first().copied(),
        _ => None,
    }
}

fn of_type(table: &QualifiedName<'_>, column: Name<'_>, type_name: &TypeName<'_>, add: Add<'_>) {
    let no_fraction = type_name.modifiers.first().is_some_and(|digits| digits.text() == "0");
    let base = type_name.base();
    let instead = match &*base {
        "bpchar" => "text: char(n) pads values with spaces",
        "timestamp" => "timestamptz: a timestamp has no time zone",
        "timestamptz" if no_fraction => "timestamptz: a precision of 0 rounds values up",
        "timetz" => "timestamptz: a time of day has no meaning in a time zone without a date",
        "money" => "numeric: the currency of money depends on a setting",
        "json" => "jsonb: json cannot be compared or indexed",
        "varchar" if !type_name.modifiers.is_empty() => {
            "text with a CHECK: a longer limit is then no change of type"
        }
        _ if type_name.is_serial() => "an identity column: a serial leaves its sequence to others",
        _ => return,
    };
    let shown = format!("{}.{column}", table.written());
    add(&DISCOURAGED_TYPE, type_name.span, shown.clone(), format!("{shown} should be {instead}"));
}

fn of_constraint(table: &QualifiedName<'_>, constraint: &Constraint<'_>, add: Add<'_>) {
    let kind = match &constraint.kind {
        ConstraintKind::Check { .. } => "check",
        ConstraintKind::Unique(_) => "unique constraint",
        ConstraintKind::Exclude(_) => "exclusion constraint",
        ConstraintKind::ForeignKey(_) => "foreign key",
        ConstraintKind::PrimaryKey(_) | ConstraintKind::NotNull { .. } => return,
    };
    if constraint.name.is_none() {
        let table = table.written();
        add(&UNNAMED_CONSTRAINT, constraint.span, table.clone(), format!("a {kind} of {table} has no name"));
    }
}

fn cased(name: Name<'_>, add: Add<'_>) {
    if !name.is_word() && name.folded().chars().any(char::is_uppercase) {
        add(&MIXED_CASE_NAME, name.span(), name.to_string(), format!("{name} has to be quoted everywhere"));
    }
}

fn index(create: &CreateIndex<'_>, model: &Model, span: Span, add: Add<'_>) {
    let name = create.name.as_ref().map_or_else(|| create.table.name.written(), QualifiedName::written);
    if create.elements.len() > 3 && !create.is_unique {
        let count = create.elements.len();
        add(&WIDE_INDEX, span, name.clone(), format!("the index {name} has {count} key columns"));
    }
    let is_btree = create.method.is_none_or(|method| method.folded() == "btree");
    let plain = |element: &crate::sql::statement::IndexElement<'_>| {
        element
            .column
            .filter(|_| element.definition.tokens().len() == 1)
            .map(|name| name.folded().into_owned())
    };
    let columns: Option<Vec<String>> = create.elements.iter().map(plain).collect();
    let Some(columns) = columns.filter(|columns| !columns.is_empty()) else { return };
    if create.is_unique || !is_btree || create.condition.is_some() {
        return;
    }
    let table = model.object(&create.table.name);
    let other = model.facts.relations.iter().find(|(_, index)| {
        index.kind == RelationKind::Index
            && index.table.as_ref() == Some(&table)
            && !index.has_expression
            && index.access_method.as_deref().is_none_or(|method| method == "btree")
            && index.table_columns.starts_with(&columns)
    });
    if let Some((other, _)) = other {
        add(&DUPLICATE_INDEX, span, name, format!("the index {} begins with the same columns", other.name));
    }
}

/// Finds a table's name without a schema.
fn unqualified(statement: &Statement<'_>, add: Add<'_>) {
    let parsed = statement.parsed;
    if statement.model.facts.search_path != ["public"] {
        return;
    }
    let is_table = match &parsed.kind {
        Kind::CreateTable(create) => create.persistence != Persistence::Temporary,
        Kind::CreateView(create) => create.persistence != Persistence::Temporary,
        Kind::Insert(_) | Kind::Update(_) | Kind::Delete(_) | Kind::Merge(_) | Kind::Truncate(_) => true,
        Kind::AlterRelation(_) => true,
        Kind::Drop(drop) => drop.kind.is_relation(),
        _ => false,
    };
    if let Some(name) = parsed.target().filter(|name| is_table && name.parts().len() == 1) {
        add(&UNQUALIFIED_NAME, name.span(), name.written(), format!("{name} has no schema"));
    }
}

fn concurrently(statement: &Statement<'_>, add: Add<'_>) {
    let is_concurrent = match &statement.parsed.kind {
        Kind::CreateIndex(create) => create.concurrently.is_some(),
        Kind::Reindex(reindex) => reindex.concurrently,
        _ => false,
    };
    if is_concurrent && statement.model.facts.server_version.is_none_or(|version| version == 14) {
        let subject = statement.parsed.target().map(|name| name.written()).unwrap_or_default();
        let message =
            "PostgreSQL 14.0 to 14.3 may leave rows out of an index that is built CONCURRENTLY".to_owned();
        add(&CONCURRENTLY_ON_14, statement.span(), subject, message);
    }
}

/// Finds an order of columns that wastes space in each row.
fn order(create: &CreateTable<'_>, model: &Model, add: Add<'_>) {
    // A gap behind a value of variable length depends on its length.
    let of = |column: &ColumnDefinition<'_>| fixed(column.type_name.as_ref()?, model);
    let sizes: Vec<(u32, u32)> = create.columns.iter().map_while(of).collect();
    let mut best = sizes.clone();
    best.sort_by_key(|(_, alignment)| std::cmp::Reverse(*alignment));
    let waste = padded(&sizes).saturating_sub(padded(&best));
    if waste >= 8 {
        let name = create.name.written();
        let message = format!("the order of the columns of {name} wastes {waste} bytes in each row");
        add(&COLUMN_ORDER, create.name.span(), name, message);
    }
}

/// The size of a row, up to its last gap.
fn padded(columns: &[(u32, u32)]) -> u32 {
    let end = columns.iter().fold(0_u32, |end, (size, alignment)| end.next_multiple_of(*alignment) + size);
    end.next_multiple_of(8)
}

/// The size and the alignment of a type of fixed length.
fn fixed(type_name: &TypeName<'_>, model: &Model) -> Option<(u32, u32)> {
    if type_name.is_array || model.facts.types.keys().any(|of| *of.name == *type_name.base()) {
        return None;
    }
    Some(match &*type_name.base() {
        "int8" | "float8" | "timestamp" | "timestamptz" | "time" | "money" | "bigserial" | "serial8" => {
            (8, 8)
        }
        "interval" => (16, 8),
        "timetz" => (12, 8),
        "int4" | "float4" | "date" | "oid" | "serial" | "serial4" => (4, 4),
        "int2" | "smallserial" | "serial2" => (2, 2),
        "bool" => (1, 1),
        "uuid" => (16, 1),
        _ => return None,
    })
}
