//! Kinds of objects.

use std::fmt;

/// Makes [`Kind`], its words, and the list of both.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident = $word:literal,)+) => {
        /// A kind of object in a catalog, in the order in which a [`Catalog`](crate::schema::catalog::Catalog) lists them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),+];

            /// Its name in messages and patterns: `materialized view`.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Kind::$kind => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// A schema.
    Schema = "schema",
    /// An extension: its version and schema. What belongs to it is not read.
    Extension = "extension",
    /// An enum with its labels in order, a composite type with its attributes, a range or a base type.
    Type = "type",
    /// A domain: its type, default and constraints.
    Domain = "domain",
    /// A collation.
    Collation = "collation",
    /// A sequence: its type, bounds and owner, not its value. Those of identity columns are told by the column.
    Sequence = "sequence",
    /// A table: persistence, order of columns, inheritance, partitioning key and bounds, storage parameters, tablespace,
    /// row level security, replica identity.
    Table = "table",
    /// A foreign table: what a table has, and its server and options.
    ForeignTable = "foreign table",
    /// A column of a table: type, collation, `NOT NULL`, default, generation, identity, storage, compression, statistics
    /// target, options. Not its place, which is the table's.
    Column = "column",
    /// A constraint of a table, and whether it is validated.
    Constraint = "constraint",
    /// An index, and whether it is valid. Those of constraints are told by the constraint.
    Index = "index",
    /// Extended statistics.
    Statistics = "statistics",
    /// A view: columns with their types, options and query.
    View = "view",
    /// A materialized view: columns with their types and settings, options and query.
    MaterializedView = "materialized view",
    /// A function.
    Function = "function",
    /// A procedure.
    Procedure = "procedure",
    /// An aggregate function.
    Aggregate = "aggregate",
    /// A trigger, and whether it is enabled.
    Trigger = "trigger",
    /// A rewrite rule, and whether it is enabled. Those of views are told by the view.
    Rule = "rule",
    /// A policy of row level security.
    Policy = "policy",
    /// An event trigger, and whether it is enabled.
    EventTrigger = "event trigger",
    /// A publication: its options, and the tables and schemas that were added to it, not what comes of those.
    Publication = "publication",
    /// A foreign data wrapper.
    ForeignDataWrapper = "foreign data wrapper",
    /// A foreign server. Options whose name speaks of a secret are left out.
    ForeignServer = "foreign server",
    /// A cast.
    Cast = "cast",
    /// An operator.
    Operator = "operator",
    /// An operator class, with the operators and functions of its family.
    OperatorClass = "operator class",
    /// A text search configuration, with its mappings.
    TextSearchConfiguration = "text search configuration",
    /// A text search dictionary.
    TextSearchDictionary = "text search dictionary",
    /// A comment; its identity is the kind and the identity of what it is on.
    Comment = "comment",
    /// The privileges on an object, where they are not the default ones, by grantee; its identity is the kind and the
    /// identity of what they are on. Who granted them does not count.
    Privileges = "privileges",
    /// The privileges that new objects of a role will have.
    DefaultPrivileges = "default privileges",
}

impl Kind {
    /// The kind of a name, with spaces or with underscores between its words.
    pub fn of_word(word: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.word() == word || kind.word().replace(' ', "_") == word)
    }

    /// Whether its columns are objects of their own.
    pub(crate) fn has_columns(self) -> bool {
        matches!(self, Kind::Table | Kind::ForeignTable)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
