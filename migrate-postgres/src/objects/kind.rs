//! Kinds of objects.

use std::fmt;

/// Defines [`Kind`], its words, and the list of both.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident = $word:literal,)+) => {
        /// A kind of object in a catalog, in the order in which a
        /// [`Catalog`](crate::schema::catalog::Catalog) lists them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
        }

        impl Kind {
            /// All kinds.
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
    /// An extension: its version and schema. Its members are not read.
    Extension = "extension",
    /// An enum with its labels in order, a composite type with its attributes, a range or a base type.
    Type = "type",
    /// A domain: its type, default and constraints.
    Domain = "domain",
    /// A collation.
    Collation = "collation",
    /// A sequence: its type, bounds and owner, but not its value. Sequences of identity columns are part of
    /// the column.
    Sequence = "sequence",
    /// A table: persistence, inheritance, partition key and bounds, storage parameters,
    /// tablespace, row-level security, replica identity.
    Table = "table",
    /// A foreign table: the properties of a table, and its server and options.
    ForeignTable = "foreign table",
    /// A column of a table: type, collation, `NOT NULL`, default, generation, identity, storage, compression,
    /// statistics target, options. Its position belongs to the table.
    Column = "column",
    /// A constraint of a table, and its validity.
    Constraint = "constraint",
    /// An index, and its validity. Indexes of constraints are part of the constraint.
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
    /// A trigger, and its enabled state.
    Trigger = "trigger",
    /// A rewrite rule, and its enabled state. Rules of views are part of the view.
    Rule = "rule",
    /// A row-level security policy.
    Policy = "policy",
    /// An event trigger, and its enabled state.
    EventTrigger = "event trigger",
    /// A publication: its options, and the tables and schemas that were added to it, but not the tables that
    /// follow from those.
    Publication = "publication",
    /// A foreign data wrapper.
    ForeignDataWrapper = "foreign data wrapper",
    /// A foreign server. Options whose name suggests a secret are omitted.
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
    /// A comment; its identity is the kind and the identity of the commented object.
    Comment = "comment",
    /// The non-default privileges on an object, by grantee; its identity is the kind and the identity of the
    /// object. The grantor does not count.
    Privileges = "privileges",
    /// The default privileges of a role's future objects.
    DefaultPrivileges = "default privileges",
    /// A security label; its identity is the provider, the kind and the identity of the object.
    SecurityLabel = "security label",
    /// A user mapping: the names of its options. It is [no difference](Kind::is_noted).
    UserMapping = "user mapping",
    /// A subscription: its publications, and its enabled state. It is [no difference](Kind::is_noted).
    Subscription = "subscription",
    /// The settings of the database, or of a role in it; values whose name suggests a secret are omitted. They are
    /// [no difference](Kind::is_noted).
    Settings = "settings",
    /// An object of a kind that is not read: a conversion, language, access method, transform, text search parser or
    /// template, or an operator family without a class. Its identity begins with its kind. It is [no
    /// difference](Kind::is_noted).
    Unmodelled = "unmodelled object",
}

impl Kind {
    /// The kind with this name, in words separated by spaces or underscores.
    pub fn of_word(word: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.word() == word || kind.word().replace(' ', "_") == word)
    }

    /// True if its objects are listed and not compared, because a replay of migrations can't have them, or because
    /// their definition is not read: user mappings, subscriptions, settings, unmodelled objects.
    pub fn is_noted(self) -> bool {
        matches!(self, Kind::UserMapping | Kind::Subscription | Kind::Settings | Kind::Unmodelled)
    }

    /// True if its columns are objects of their own.
    pub(crate) fn has_columns(self) -> bool {
        matches!(self, Kind::Table | Kind::ForeignTable)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
