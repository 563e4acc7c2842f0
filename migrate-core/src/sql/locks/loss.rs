//! Losses: the tables, columns and rows that a statement permanently removes, including those removed by
//! CASCADE.

use super::drop::in_schema;
use super::facts::{ConstraintFactsKind, Facts, ObjectName, Relation, RelationKind};
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, DropObjects, LexedStatement, ObjectKind, ParsedStatement,
    QualifiedName, StatementKind, TruncateTables, UpdateRows,
};
use std::fmt;

/// An object or data that is lost once a statement is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The kind.
    pub kind: LossKind,
    /// The name as a statement would write it; a column with its table: `users.email`. For rows and values,
    /// their table.
    pub name: String,
    /// The relation, under the name that the database knew before the first statement that was followed.
    pub origin: Option<ObjectName>,
    /// True if it is removed because of another object in the statement: by CASCADE, or as a partition.
    pub goes_along: bool,
}

/// The kinds of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LossKind {
    /// A database.
    Database,
    /// A schema with everything in it.
    Schema,
    /// A table with its rows.
    Table,
    /// A materialized view.
    MaterializedView,
    /// A view.
    View,
    /// A column with its values.
    Column,
    /// All rows of a table.
    Rows,
    /// All values of a column, because they are overwritten.
    Values,
    /// A constraint.
    Constraint,
    /// A sequence.
    Sequence,
    /// A type or a domain.
    Type,
    /// An extension with everything in it.
    Extension,
    /// Everything that a role owns.
    Owned,
}

impl LossKind {
    /// The kind as a word.
    pub const fn word(self) -> &'static str {
        match self {
            LossKind::Database => "database",
            LossKind::Schema => "schema",
            LossKind::Table => "table",
            LossKind::MaterializedView => "materialized view",
            LossKind::View => "view",
            LossKind::Column => "column",
            LossKind::Rows => "rows",
            LossKind::Values => "values",
            LossKind::Constraint => "constraint",
            LossKind::Sequence => "sequence",
            LossKind::Type => "type",
            LossKind::Extension => "extension",
            LossKind::Owned => "objects of role",
        }
    }
}

impl fmt::Display for LossKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The losses that a statement causes, as far as its text and the facts show them. Objects created by an
/// earlier followed statement do not count.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::facts::Facts;
/// use migrate_core::sql::losses;
///
/// let mut facts = Facts::none();
/// let lost = |statement, facts: &Facts| -> Vec<String> {
///     losses(statement, facts).iter().map(|loss| format!("{} {}", loss.kind, loss.name)).collect()
/// };
/// assert_eq!(lost("ALTER TABLE users DROP COLUMN email", &facts), ["column users.email"]);
/// assert_eq!(lost("DELETE FROM users", &facts), ["rows users"]);
/// assert!(lost("DELETE FROM users WHERE id = 1", &facts).is_empty());
/// facts.apply("CREATE TABLE scratch (id bigint)");
/// assert!(lost("DROP TABLE scratch", &facts).is_empty());
/// ```
pub fn losses(statement: &str, facts: &Facts) -> Vec<Loss> {
    losses_of(&LexedStatement::new(statement).parse(), facts)
}

/// The same as [`losses`], for a statement that is parsed already.
pub fn losses_of(statement: &ParsedStatement<'_>, facts: &Facts) -> Vec<Loss> {
    let mut finder = Finder { facts, lost: Vec::new() };
    for inner in statement.with_statements() {
        finder.rows(&inner.kind);
    }
    match &statement.kind {
        StatementKind::Drop(drop) => finder.drop(drop),
        StatementKind::AlterRelation(alter) => finder.alter(alter),
        StatementKind::Truncate(truncate) => finder.truncate(truncate),
        changes => finder.rows(changes),
    }
    finder.lost
}

/// Returns true if an `UPDATE` or `DELETE` changes every row: its condition is absent, `true`, `1 = 1`, or that a
/// column is not null which never is. A join without a condition excludes no row.
pub(crate) fn changes_all(changes: &StatementKind<'_>, table: Option<&Relation>) -> bool {
    let (condition, is_joined) = match changes {
        StatementKind::Delete(delete) => (delete.condition, delete.using.is_some()),
        StatementKind::Update(update) => (update.condition, update.from.is_some()),
        _ => return false,
    };
    // In a join, the column may be another table's.
    let table = table.filter(|_| !is_joined);
    let is_never_null = |column: &str| table.is_some_and(|table| Facts::is_proven_not_null(table, column));
    condition.is_none_or(|condition| super::facts::is_always_true(condition.text(), &is_never_null))
}

struct Finder<'f> {
    facts: &'f Facts,
    lost: Vec<Loss>,
}

impl<'f> Finder<'f> {
    fn existing(&self, name: &QualifiedName<'_>) -> ObjectName {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        self.facts.resolve(schema.as_deref(), &name.name().folded())
    }

    fn relation(&self, name: &ObjectName) -> Option<&'f Relation> {
        self.facts.relations.get(name)
    }

    /// Returns true if the object is known not to exist, or if only followed statements created it.
    fn is_no_loss(&self, name: &ObjectName) -> bool {
        match self.relation(name) {
            Some(relation) => relation.origin.is_none(),
            None => self.facts.is_complete,
        }
    }

    fn add(&mut self, kind: LossKind, relation: &ObjectName, shown: String, goes_along: bool) {
        if self.is_no_loss(relation) {
            return;
        }
        let origin = self.relation(relation).and_then(|relation| relation.origin.clone());
        let loss = Loss { kind, name: shown, origin, goes_along };
        if !self.lost.iter().any(|lost| lost.kind == loss.kind && lost.name == loss.name) {
            self.lost.push(loss);
        }
    }

    /// Adds an object that is not a relation.
    fn add_object(&mut self, kind: LossKind, object: ObjectKind, name: &QualifiedName<'_>) {
        if !self.facts.is_made(object, name) {
            self.lost.push(Loss { kind, name: name.written(), origin: None, goes_along: false });
        }
    }

    /// Adds a relation that is dropped along with another object.
    fn along(&mut self, name: &ObjectName) {
        let kind = match self.relation(name).map(|relation| relation.kind) {
            Some(RelationKind::View) => LossKind::View,
            Some(RelationKind::MaterializedView) => LossKind::MaterializedView,
            Some(RelationKind::Sequence) => LossKind::Sequence,
            Some(RelationKind::Index) => return,
            _ => LossKind::Table,
        };
        self.add(kind, name, self.facts.shown(name), true);
    }

    fn drop(&mut self, drop: &DropObjects<'_>) {
        for name in &drop.names {
            match drop.kind {
                ObjectKind::Table | ObjectKind::ForeignTable => {
                    self.table(LossKind::Table, name, drop.cascade);
                }
                ObjectKind::MaterializedView => self.table(LossKind::MaterializedView, name, drop.cascade),
                ObjectKind::View => self.table(LossKind::View, name, drop.cascade),
                ObjectKind::Sequence => self.table(LossKind::Sequence, name, false),
                ObjectKind::Schema => self.schema(name, drop.cascade),
                ObjectKind::Type | ObjectKind::Domain => self.type_of_columns(drop.kind, name, drop.cascade),
                ObjectKind::Database => self.add_object(LossKind::Database, drop.kind, name),
                ObjectKind::Extension => self.add_object(LossKind::Extension, drop.kind, name),
                ObjectKind::Owned => self.add_object(LossKind::Owned, drop.kind, name),
                _ => {}
            }
        }
    }

    fn table(&mut self, kind: LossKind, name: &QualifiedName<'_>, cascade: bool) {
        let object = self.existing(name);
        self.add(kind, &object, name.written(), false);
        let facts = self.facts;
        for child in facts.descendants(&object) {
            self.along(child);
        }
        if cascade {
            self.keys(&object);
            for reader in facts.readers(&object, None) {
                self.along(reader);
            }
        }
    }

    /// Adds the foreign keys that reference a dropped table.
    fn keys(&mut self, table: &ObjectName) {
        let facts = self.facts;
        for (child, key) in facts.referencing(table) {
            let name = key.name.as_deref().unwrap_or("foreign key");
            self.add(LossKind::Constraint, child, format!("{}.{name}", facts.shown(child)), true);
        }
    }

    fn schema(&mut self, name: &QualifiedName<'_>, cascade: bool) {
        self.add_object(LossKind::Schema, ObjectKind::Schema, name);
        if cascade {
            for (relation, _) in in_schema(self.facts, &name.name().folded()) {
                let belongs = self.relation(relation).is_some_and(|relation| relation.table.is_some());
                if !belongs {
                    self.along(relation);
                }
            }
        }
    }

    fn type_of_columns(&mut self, kind: ObjectKind, name: &QualifiedName<'_>, cascade: bool) {
        self.add_object(LossKind::Type, kind, name);
        if cascade {
            let schema = name.schema().map(|schema| schema.folded().into_owned());
            for (table, column) in self.facts.columns_of(schema.as_deref(), &name.name().folded()) {
                let shown = format!("{}.{column}", self.facts.shown(table));
                self.add(LossKind::Column, table, shown, true);
            }
        }
    }

    fn alter(&mut self, alter: &AlterRelation<'_>) {
        let table = self.existing(&alter.relation.name);
        for action in &alter.actions {
            match &action.kind {
                Action::DropColumn { column, cascade, .. } => {
                    self.column(alter, &table, &column.folded(), &column.to_string(), *cascade);
                }
                Action::DropConstraint { name, .. } => {
                    let kind = self.relation(&table).and_then(|table| table.constraint(&name.folded()));
                    let is_key = kind.is_some_and(|constraint| {
                        matches!(
                            constraint.kind,
                            ConstraintFactsKind::PrimaryKey | ConstraintFactsKind::Unique
                        )
                    });
                    if is_key {
                        let shown = format!("{}.{name}", alter.relation.name);
                        self.add(LossKind::Constraint, &table, shown, false);
                    }
                }
                _ => {}
            }
        }
    }

    fn column(
        &mut self,
        alter: &AlterRelation<'_>,
        table: &ObjectName,
        column: &str,
        written: &str,
        cascade: bool,
    ) {
        let columns = self.relation(table).and_then(|table| table.columns.as_ref());
        let is_new = columns.is_some_and(|columns| {
            columns.iter().find(|of| of.name == column).is_none_or(|column| column.is_new)
        });
        if is_new {
            return;
        }
        self.add(LossKind::Column, table, format!("{}.{written}", alter.relation.name), false);
        if cascade {
            for reader in self.facts.readers(table, Some(column)) {
                self.along(reader);
            }
        }
    }

    fn truncate(&mut self, truncate: &TruncateTables<'_>) {
        let mut tables = Vec::new();
        for table in &truncate.tables {
            let object = self.existing(&table.name);
            self.add(LossKind::Rows, &object, table.name.written(), false);
            let facts = self.facts;
            for child in facts.descendants(&object) {
                self.add(LossKind::Rows, child, facts.shown(child), true);
            }
            tables.push(object);
        }
        if truncate.cascade {
            for table in self.facts.referencing_tables(&tables) {
                self.add(LossKind::Rows, &table, self.facts.shown(&table), true);
            }
        }
    }

    /// Adds the rows and values that an `UPDATE` or `DELETE` of all rows removes.
    fn rows(&mut self, changes: &StatementKind<'_>) {
        match changes {
            StatementKind::Delete(delete) => {
                let table = self.existing(&delete.table.name);
                if changes_all(changes, self.relation(&table)) {
                    self.add(LossKind::Rows, &table, delete.table.name.written(), false);
                }
            }
            StatementKind::Update(update) => {
                let table = self.existing(&update.table.name);
                if changes_all(changes, self.relation(&table)) {
                    self.update(update);
                }
            }
            _ => {}
        }
    }

    fn update(&mut self, update: &UpdateRows<'_>) {
        let table = self.existing(&update.table.name);
        let columns = self.relation(&table).and_then(|table| table.columns.as_ref());
        for column in &update.columns {
            let name = column.folded();
            let is_new = columns.is_some_and(|columns| columns.iter().any(|of| of.name == name && of.is_new));
            if !is_new {
                self.add(LossKind::Values, &table, format!("{}.{column}", update.table.name), false);
            }
        }
    }
}
