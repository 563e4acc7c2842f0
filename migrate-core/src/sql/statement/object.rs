//! Kinds of objects.

use super::reader::Reader;
use std::fmt;

/// The lifetime of an object: across sessions, and across a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Persistence {
    /// It is permanent.
    #[default]
    Permanent,
    /// `TEMPORARY`: it is dropped at the end of the session.
    Temporary,
    /// `UNLOGGED`: a crash empties it.
    Unlogged,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident => $words:expr,)*) => {
        /// The kinds of objects that `CREATE`, `ALTER`, `DROP`, `COMMENT ON` and `GRANT … ON` name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ObjectKind {
            $($(#[$doc])* $variant,)*
        }

        /// The kinds with their keywords. A kind precedes others whose keywords start its own.
        const KINDS: &[(ObjectKind, &[&str])] = &[$((ObjectKind::$variant, &$words),)*];
    };
}

kinds! {
    /// `ACCESS METHOD`
    AccessMethod => ["ACCESS", "METHOD"],
    /// `AGGREGATE`
    Aggregate => ["AGGREGATE"],
    /// `CAST`
    Cast => ["CAST"],
    /// `COLLATION`
    Collation => ["COLLATION"],
    /// `COLUMN`
    Column => ["COLUMN"],
    /// `CONSTRAINT`
    Constraint => ["CONSTRAINT"],
    /// `CONVERSION`
    Conversion => ["CONVERSION"],
    /// `DATABASE`
    Database => ["DATABASE"],
    /// `DEFAULT PRIVILEGES`
    DefaultPrivileges => ["DEFAULT", "PRIVILEGES"],
    /// `DOMAIN`
    Domain => ["DOMAIN"],
    /// `EVENT TRIGGER`
    EventTrigger => ["EVENT", "TRIGGER"],
    /// `EXTENSION`
    Extension => ["EXTENSION"],
    /// `FOREIGN DATA WRAPPER`
    ForeignDataWrapper => ["FOREIGN", "DATA", "WRAPPER"],
    /// `FOREIGN SERVER`, as in `GRANT`
    ForeignServer => ["FOREIGN", "SERVER"],
    /// `FOREIGN TABLE`
    ForeignTable => ["FOREIGN", "TABLE"],
    /// `FUNCTION`
    Function => ["FUNCTION"],
    /// `GROUP`
    Group => ["GROUP"],
    /// `INDEX`
    Index => ["INDEX"],
    /// `LANGUAGE`
    Language => ["LANGUAGE"],
    /// `LARGE OBJECT`
    LargeObject => ["LARGE", "OBJECT"],
    /// `MATERIALIZED VIEW`
    MaterializedView => ["MATERIALIZED", "VIEW"],
    /// `OPERATOR CLASS`
    OperatorClass => ["OPERATOR", "CLASS"],
    /// `OPERATOR FAMILY`
    OperatorFamily => ["OPERATOR", "FAMILY"],
    /// `OPERATOR`
    Operator => ["OPERATOR"],
    /// `OWNED`, of `DROP OWNED BY`
    Owned => ["OWNED"],
    /// `PARAMETER`
    Parameter => ["PARAMETER"],
    /// `POLICY`
    Policy => ["POLICY"],
    /// `PROCEDURE`
    Procedure => ["PROCEDURE"],
    /// `PUBLICATION`
    Publication => ["PUBLICATION"],
    /// `ROLE`
    Role => ["ROLE"],
    /// `ROUTINE`
    Routine => ["ROUTINE"],
    /// `RULE`
    Rule => ["RULE"],
    /// `SCHEMA`
    Schema => ["SCHEMA"],
    /// `SEQUENCE`
    Sequence => ["SEQUENCE"],
    /// `SERVER`
    Server => ["SERVER"],
    /// `STATISTICS`
    Statistics => ["STATISTICS"],
    /// `SUBSCRIPTION`
    Subscription => ["SUBSCRIPTION"],
    /// `SYSTEM`, of `ALTER SYSTEM`
    System => ["SYSTEM"],
    /// `TABLESPACE`
    Tablespace => ["TABLESPACE"],
    /// `TABLE`
    Table => ["TABLE"],
    /// `TEXT SEARCH CONFIGURATION`
    TextSearchConfiguration => ["TEXT", "SEARCH", "CONFIGURATION"],
    /// `TEXT SEARCH DICTIONARY`
    TextSearchDictionary => ["TEXT", "SEARCH", "DICTIONARY"],
    /// `TEXT SEARCH PARSER`
    TextSearchParser => ["TEXT", "SEARCH", "PARSER"],
    /// `TEXT SEARCH TEMPLATE`
    TextSearchTemplate => ["TEXT", "SEARCH", "TEMPLATE"],
    /// `TRANSFORM`
    Transform => ["TRANSFORM"],
    /// `TRIGGER`
    Trigger => ["TRIGGER"],
    /// `TYPE`
    Type => ["TYPE"],
    /// `USER MAPPING`
    UserMapping => ["USER", "MAPPING"],
    /// `USER`
    User => ["USER"],
    /// `VIEW`
    View => ["VIEW"],
}

impl ObjectKind {
    /// Its name in PostgreSQL, in uppercase.
    pub fn as_sql(self) -> String {
        let words = KINDS.iter().find(|(kind, _)| *kind == self).map(|(_, words)| *words);
        words.unwrap_or_default().join(" ")
    }

    /// True for relations, including indexes: objects that statements lock by name.
    pub const fn is_relation(self) -> bool {
        use ObjectKind::{ForeignTable, Index, MaterializedView, Sequence, Table, View};
        matches!(self, ForeignTable | Index | MaterializedView | Sequence | Table | View)
    }

    /// True if all databases of a server share objects of this kind.
    pub const fn is_shared(self) -> bool {
        use ObjectKind::{Database, Group, Role, Subscription, Tablespace, User};
        matches!(self, Database | Group | Role | Subscription | Tablespace | User)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_sql())
    }
}

/// Takes the kind of object, if one is next.
pub(super) fn object_kind(reader: &mut Reader<'_>) -> Option<ObjectKind> {
    let length = reader.peek().map_or(0, |token| token.end - token.start);
    let mut kinds = KINDS.iter().filter(|(_, words)| words[0].len() == length);
    kinds.find(|(_, words)| reader.words(words)).map(|(kind, _)| *kind)
}
