//! Facts about a schema, which a statement's text does not show.
//!
//! Facts come from three levels of knowledge. With [`Facts::none`], only a statement's own text counts.
//! [`Facts::apply`] follows the statements of a set one after the other, so that a later one is judged by the
//! results of the earlier ones. The catalog of a live database provides all facts at once,
//! [`complete`](Facts::is_complete). A file keeps them for builds that have no database
//! (`Facts::to_json`, `Facts::from_json`, with the feature `facts`).

mod alter;
#[cfg(feature = "facts")]
mod file;
mod lookup;
mod proof;
mod replay;
mod size;

pub use super::types::{SqlType, TypeKind};
pub use super::volatile::{FunctionVolatility, VOLATILE_FUNCTIONS};
#[cfg(feature = "facts")]
pub use file::{FACTS_FORMAT, FactsError};
pub use size::SizeBucket;

pub(crate) use lookup::quoted;
pub(super) use lookup::{Presence, Volatile};
pub(super) use proof::{Bounds, is_always_true};

use std::collections::{BTreeMap, BTreeSet};

/// The name of an object in a schema, as in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// The schema, without quotes.
    pub schema: String,
    /// The name, without quotes.
    pub name: String,
}

impl ObjectName {
    /// Creates the name of an object in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

/// The known facts about a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Tables, views, indexes and sequences.
    pub relations: BTreeMap<ObjectName, Relation>,
    /// The types, except PostgreSQL's own.
    pub types: BTreeMap<ObjectName, TypeKind>,
    /// The functions, except PostgreSQL's own.
    pub functions: BTreeMap<ObjectName, FunctionFacts>,
    /// The search path: the schemas for names without one. Objects are created in the first.
    pub search_path: Vec<String>,
    /// The server's major version, if known.
    pub server_version: Option<u32>,
    /// True if the session's time zone is UTC: then times with and without a time zone have the same stored
    /// form.
    pub is_utc: Option<bool>,
    /// The time zone of the sessions that run migrations, if known.
    pub time_zone: Option<String>,
    /// The last applied version of each set, by the set's name, where the facts were read.
    pub positions: BTreeMap<String, String>,
    /// True if objects that are not listed do not exist.
    pub is_complete: bool,
    /// The objects that followed statements created, by kind and folded name: nobody uses them yet.
    pub(crate) made: BTreeSet<(String, String)>,
    /// The relations that followed statements created or added columns to since the last
    /// [`settle`](Facts::settle).
    fresh: Vec<ObjectName>,
    /// The CHECK constraints that followed statements added to tables that they did not create, as far as they
    /// show.
    pub(crate) partial: BTreeMap<ObjectName, Relation>,
}

/// The known facts about a function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionFacts {
    /// The volatility; the most volatile one among the functions with this name.
    pub volatility: FunctionVolatility,
    /// The body of a `LANGUAGE sql` function that the server may inline.
    pub body: Option<String>,
}

/// The known facts about a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// The kind.
    pub kind: RelationKind,
    /// The name that the database knew before the first statement that was followed; `None` for a new
    /// relation.
    pub origin: Option<ObjectName>,
    /// True if it is unlogged; `None` if that is not known.
    pub is_unlogged: Option<bool>,
    /// The tablespace; `None` if not known.
    pub tablespace: Option<String>,
    /// The access method of a table; `None` if not known.
    pub access_method: Option<String>,
    /// The columns; `None` if not known.
    pub columns: Option<Vec<Column>>,
    /// The constraints.
    pub constraints: Vec<ConstraintFacts>,
    /// The parents, as a partition or by inheritance.
    pub parents: Vec<ObjectName>,
    /// True for a default partition.
    pub is_default_partition: bool,
    /// The partition key of a partitioned table, as `pg_get_partkeydef` writes it: `RANGE (id)`.
    pub partition_key: Option<String>,
    /// The relations that a view reads, with the columns; no columns if they are not known.
    pub reads: Vec<(ObjectName, Vec<String>)>,
    /// The table of an index or of an owned sequence.
    pub table: Option<ObjectName>,
    /// The columns of an index in order, followed by those in its expressions and its predicate; the column
    /// of a sequence.
    pub table_columns: Vec<String>,
    /// True if an index has an expression or a predicate.
    pub has_expression: bool,
    /// True if an index is unique.
    pub is_unique: bool,
    /// The size, if known.
    pub size: Option<SizeBucket>,
}

/// The kind of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelationKind {
    /// A table with its own rows.
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
    /// The collation, if it differs from that of the type.
    pub collation: Option<String>,
    /// True if it certainly contains no null.
    pub is_not_null: bool,
    /// True if a followed statement added it.
    pub is_new: bool,
    /// True for a generated column whose values are not stored; `None` if that is not known.
    pub is_virtual: Option<bool>,
}

impl Column {
    /// Creates a nullable column.
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
pub struct ConstraintFacts {
    /// The name; `None` if the server chose it and it is not known.
    pub name: Option<String>,
    /// The kind.
    pub kind: ConstraintFactsKind,
    /// The columns.
    pub columns: Vec<String>,
    /// True if all rows were checked.
    pub is_validated: bool,
    /// The expression of a CHECK.
    pub expression: Option<String>,
    /// The table that a foreign key references.
    pub references: Option<ObjectName>,
    /// The referenced columns; empty for the primary key.
    pub referenced_columns: Vec<String>,
    /// True for a foreign key that is `MATCH FULL`.
    pub is_match_full: bool,
}

/// The kind of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstraintFactsKind {
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

impl ConstraintFacts {
    /// Creates a validated constraint on these columns.
    pub fn new(name: Option<String>, kind: ConstraintFactsKind, columns: Vec<String>) -> Self {
        Self {
            name,
            kind,
            columns,
            is_validated: true,
            expression: None,
            references: None,
            referenced_columns: Vec::new(),
            is_match_full: false,
        }
    }
}

impl Relation {
    /// Creates a relation of this kind.
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
            size: None,
        }
    }

    /// The column with this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().flatten().find(|column| column.name == name)
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().flatten().find(|column| column.name == name)
    }

    pub(in crate::sql::locks) fn constraint(&self, name: &str) -> Option<&ConstraintFacts> {
        self.constraints.iter().find(|constraint| constraint.name.as_deref() == Some(name))
    }
}

impl FunctionFacts {
    /// Creates a function, with its body if that is a `LANGUAGE sql` expression.
    pub fn new(volatility: FunctionVolatility, body: Option<String>) -> Self {
        Self { volatility, body }
    }
}
