//! Facts about a schema: what a statement's text leaves open.
//!
//! There are three levels of knowledge. With [`Facts::none`] only a statement's own text counts. [`Facts::apply`] follows the
//! statements of a set, one after the other, so that a later one is judged by what the earlier ones made. And the catalog of a
//! live database gives all of them at once, [`complete`](Facts::is_complete).

mod lookup;
mod proof;
mod replay;

pub use super::types::{SqlType, TypeKind};
pub use super::volatile::{VOLATILE_FUNCTIONS, Volatility};
pub(super) use lookup::{Presence, Volatile};
pub(super) use proof::Bounds;

use std::collections::BTreeMap;

/// The name of an object in a schema, as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// The schema, without quotes.
    pub schema: String,
    /// The name, without quotes.
    pub name: String,
}

impl ObjectName {
    /// A name in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

/// What is known of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Tables, views, indexes and sequences.
    pub relations: BTreeMap<ObjectName, Relation>,
    /// Types that are not PostgreSQL's own.
    pub types: BTreeMap<ObjectName, TypeKind>,
    /// Functions that are not PostgreSQL's own.
    pub functions: BTreeMap<ObjectName, FunctionFacts>,
    /// The schemas in which names without one are looked up; objects are made in the first one.
    pub search_path: Vec<String>,
    /// The server's major version, where it is known.
    pub server_version: Option<u32>,
    /// Whether the session's time zone is UTC, which decides whether times with and without a zone are stored alike.
    pub is_utc: Option<bool>,
    /// Whether what is not here does not exist.
    pub is_complete: bool,
}

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionFacts {
    /// How its result may change; the most volatile of those with this name.
    pub volatility: Volatility,
    /// The body of a function in the language SQL that may be put in the place of its call.
    pub body: Option<String>,
}

/// What is known of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// The kind.
    pub kind: RelationKind,
    /// The name by which the database knew it before the first statement that was followed; none for a new one.
    pub origin: Option<ObjectName>,
    /// Whether it is not written to the log; none where that is not known.
    pub is_unlogged: Option<bool>,
    /// The tablespace; none where it is not known.
    pub tablespace: Option<String>,
    /// The access method of a table; none where it is not known.
    pub access_method: Option<String>,
    /// The columns; none where they are not known.
    pub columns: Option<Vec<Column>>,
    /// The constraints.
    pub constraints: Vec<Constraint>,
    /// What it is a partition of, or inherits from.
    pub parents: Vec<ObjectName>,
    /// Whether it is a default partition.
    pub is_default_partition: bool,
    /// The key by which a partitioned table is partitioned, as `pg_get_partkeydef` writes it: `RANGE (id)`.
    pub partition_key: Option<String>,
    /// The relations that a view reads, and the columns of them; no columns where they are not known.
    pub reads: Vec<(ObjectName, Vec<String>)>,
    /// The table that an index is of or that a sequence belongs to.
    pub table: Option<ObjectName>,
    /// The columns of an index in order, those of its expressions and its predicate after them; the column of a sequence.
    pub table_columns: Vec<String>,
    /// Whether an index has an expression or a predicate.
    pub has_expression: bool,
    /// Whether an index is unique.
    pub is_unique: bool,
}

/// The kind of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelationKind {
    /// A table with rows of its own.
    Table,
    /// A partitioned table.
    Partitioned,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// An index.
    Index,
    /// A sequence.
    Sequence,
    /// A foreign table.
    Foreign,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The name.
    pub name: String,
    /// The type.
    pub data_type: Option<SqlType>,
    /// The collation, where it is not that of the type.
    pub collation: Option<String>,
    /// Whether it is known to hold no null.
    pub is_not_null: bool,
    /// Whether a statement that was followed has added it.
    pub is_new: bool,
    /// Whether it is a generated column whose values are not stored; none where that is not known.
    pub is_virtual: Option<bool>,
}

impl Column {
    /// A column that may be null.
    pub fn new(name: impl Into<String>, data_type: Option<SqlType>) -> Self {
        Self {
            name: name.into(),
            data_type,
            collation: None,
            is_not_null: false,
            is_new: false,
            is_virtual: None,
        }
    }
}

/// A constraint of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Constraint {
    /// The name; none where the server chose it and it is not known.
    pub name: Option<String>,
    /// The kind.
    pub kind: ConstraintKind,
    /// The columns that it names.
    pub columns: Vec<String>,
    /// Whether all rows were checked.
    pub is_validated: bool,
    /// The expression of a CHECK.
    pub expression: Option<String>,
    /// The table that a foreign key refers to.
    pub references: Option<ObjectName>,
    /// The columns of that table; none for its primary key.
    pub referenced_columns: Vec<String>,
}

/// The kind of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstraintKind {
    /// `CHECK`
    Check,
    /// `NOT NULL`
    NotNull,
    /// `UNIQUE`
    Unique,
    /// `PRIMARY KEY`
    PrimaryKey,
    /// `EXCLUDE`
    Exclusion,
    /// `FOREIGN KEY`
    ForeignKey,
}

impl Constraint {
    /// A constraint on these columns that holds for all rows.
    pub fn new(name: Option<String>, kind: ConstraintKind, columns: Vec<String>) -> Self {
        Self {
            name,
            kind,
            columns,
            is_validated: true,
            expression: None,
            references: None,
            referenced_columns: Vec::new(),
        }
    }
}

impl Relation {
    /// A new relation of this kind.
    pub fn new(kind: RelationKind) -> Self {
        Self {
            kind,
            origin: None,
            is_unlogged: None,
            tablespace: None,
            access_method: None,
            columns: None,
            constraints: Vec::new(),
            parents: Vec::new(),
            is_default_partition: false,
            partition_key: None,
            reads: Vec::new(),
            table: None,
            table_columns: Vec::new(),
            has_expression: false,
            is_unique: false,
        }
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().flatten().find(|column| column.name == name)
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().flatten().find(|column| column.name == name)
    }

    pub(in crate::sql::locks) fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.name.as_deref() == Some(name))
    }
}

impl FunctionFacts {
    /// A function, with its body where that is an expression of the language SQL.
    pub fn new(volatility: Volatility, body: Option<String>) -> Self {
        Self { volatility, body }
    }
}
