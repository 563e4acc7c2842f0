//! `ALTER` of objects other than relations.

use super::alter::cascade;
use super::constraint::{Constraint, table_constraint};
use super::create::{object_options, password, trailing_options};
use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName};
use super::object::{ObjectKind, object_kind};
use super::options::{ListedOption, options};
use super::reader::Reader;
use super::session::{SetParameter, assigned_parameter};

/// `ALTER TYPE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterType<'t> {
    /// The type.
    pub name: QualifiedName<'t>,
    /// The change.
    pub change: TypeChange<'t>,
}

/// The changes of an `ALTER TYPE`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeChange<'t> {
    /// `ADD VALUE`
    AddValue {
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// The value, as a string constant.
        value: Fragment<'t>,
    },
    /// `RENAME VALUE`
    RenameValue {
        /// The value, as a string constant.
        from: Fragment<'t>,
        /// The new value.
        to: Fragment<'t>,
    },
    /// `ADD`, `DROP` and `ALTER ATTRIBUTE`: one or more of them.
    Attributes {
        /// The changes.
        changes: Fragment<'t>,
        /// `CASCADE`, on any of them
        cascade: bool,
    },
    /// `RENAME ATTRIBUTE`
    RenameAttribute {
        /// The attribute.
        from: Name<'t>,
        /// The new name.
        to: Name<'t>,
    },
    /// A change that any object supports.
    Object(ObjectChange<'t>),
}

/// `ALTER DOMAIN`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterDomain<'t> {
    /// The domain.
    pub name: QualifiedName<'t>,
    /// The change.
    pub change: DomainChange<'t>,
}

/// The changes of an `ALTER DOMAIN`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainChange<'t> {
    /// `SET DEFAULT`
    SetDefault(Fragment<'t>),
    /// `DROP DEFAULT`
    DropDefault,
    /// `SET NOT NULL`
    SetNotNull,
    /// `DROP NOT NULL`
    DropNotNull,
    /// `ADD CONSTRAINT`, or `ADD` of an unnamed one
    AddConstraint(Box<Constraint<'t>>),
    /// `DROP CONSTRAINT`
    DropConstraint {
        /// `IF EXISTS`
        if_exists: bool,
        /// The constraint.
        name: Name<'t>,
        /// `CASCADE`
        cascade: bool,
    },
    /// `RENAME CONSTRAINT`
    RenameConstraint {
        /// The constraint.
        from: Name<'t>,
        /// The new name.
        to: Name<'t>,
    },
    /// `VALIDATE CONSTRAINT`
    ValidateConstraint {
        /// The constraint.
        name: Name<'t>,
    },
    /// A change that any object supports.
    Object(ObjectChange<'t>),
}

/// `ALTER SUBSCRIPTION`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterSubscription<'t> {
    /// The subscription.
    pub name: Name<'t>,
    /// The change.
    pub change: SubscriptionChange<'t>,
}

/// The changes of an `ALTER SUBSCRIPTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionChange<'t> {
    /// `REFRESH PUBLICATION`
    Refresh,
    /// `SET`, `ADD` and `DROP PUBLICATION`, with the options after it.
    Publications(Vec<ListedOption<'t>>),
    /// `SET (…)`
    SetOptions(Vec<ListedOption<'t>>),
    /// `CONNECTION`: the connection string
    Connection(Fragment<'t>),
    /// A change that any object supports.
    Object(ObjectChange<'t>),
}

/// `ALTER DATABASE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterDatabase<'t> {
    /// The database.
    pub name: Name<'t>,
    /// `SET TABLESPACE`
    pub sets_tablespace: bool,
    /// The change.
    pub change: ObjectChange<'t>,
}

/// `ALTER` of any other object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterObject<'t> {
    /// The kind of object.
    pub kind: ObjectKind,
    /// `IF EXISTS`
    pub if_exists: bool,
    /// The object; `None` for an operator, a large object or a user mapping.
    pub name: Option<QualifiedName<'t>>,
    /// The table of a trigger, a policy or a rule.
    pub on: Option<QualifiedName<'t>>,
    /// The change.
    pub change: ObjectChange<'t>,
}

/// The changes that an `ALTER` can make to an object of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectChange<'t> {
    /// `RENAME TO`
    RenameTo {
        /// The new name.
        to: Name<'t>,
    },
    /// `OWNER TO`
    OwnerTo {
        /// The role, or a keyword that stands for one.
        role: Name<'t>,
    },
    /// `SET SCHEMA`
    SetSchema {
        /// The schema.
        schema: Name<'t>,
    },
    /// `SET` of a parameter, for a role, a database, a function or the server
    SetParameter(SetParameter<'t>),
    /// Role options that include a `PASSWORD`: the password
    Password(Fragment<'t>),
    /// `OPTIONS (…)` of a server, a foreign-data wrapper or a user mapping
    ForeignOptions(Vec<ListedOption<'t>>),
    /// Any other change.
    Other(Fragment<'t>),
}

/// `ALTER DEFAULT PRIVILEGES`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefaultPrivileges<'t> {
    /// The roles of `FOR ROLE`, separated by commas.
    pub creators: Option<Fragment<'t>>,
    /// The grantees, separated by commas.
    pub grantees: Fragment<'t>,
}

/// Parses the change of an `ALTER`, up to its end.
pub(super) fn object_change<'t>(reader: &mut Reader<'t>) -> ObjectChange<'t> {
    let first = *reader;
    let known = if reader.words(&["RENAME", "TO"]) {
        reader.name().map(|to| ObjectChange::RenameTo { to })
    } else if reader.words(&["OWNER", "TO"]) {
        reader.name().map(|role| ObjectChange::OwnerTo { role })
    } else if reader.words(&["SET", "SCHEMA"]) {
        reader.name().map(|schema| ObjectChange::SetSchema { schema })
    } else if reader.word("SET") {
        assigned_parameter(reader).map(ObjectChange::SetParameter)
    } else {
        None
    };
    known.filter(|_| reader.at_end()).unwrap_or_else(|| {
        *reader = first;
        ObjectChange::Other(reader.rest())
    })
}

/// The same for a kind of object that has options.
fn change_of_kind<'t>(reader: &mut Reader<'t>, kind: ObjectKind) -> ObjectChange<'t> {
    match object_change(reader) {
        ObjectChange::Other(change) => password(kind, change)
            .map(ObjectChange::Password)
            .or_else(|| object_options(kind, change).map(ObjectChange::ForeignOptions))
            .unwrap_or(ObjectChange::Other(change)),
        known => known,
    }
}

pub(super) fn alter_type<'t>(reader: &mut Reader<'t>) -> Option<AlterType<'t>> {
    let name = reader.qualified_name()?;
    Some(AlterType { name, change: type_change(reader)? })
}

fn type_change<'t>(reader: &mut Reader<'t>) -> Option<TypeChange<'t>> {
    if reader.words(&["ADD", "VALUE"]) {
        let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
        let value = reader.string()?;
        if reader.word("BEFORE") || reader.word("AFTER") {
            reader.string();
        }
        return Some(TypeChange::AddValue { if_not_exists, value });
    }
    if reader.words(&["RENAME", "VALUE"]) {
        let from = reader.string()?;
        reader.word("TO").then_some(())?;
        return Some(TypeChange::RenameValue { from, to: reader.string()? });
    }
    if reader.words(&["RENAME", "ATTRIBUTE"]) {
        let from = reader.name()?;
        reader.word("TO").then_some(())?;
        let to = reader.name()?;
        cascade(reader);
        return Some(TypeChange::RenameAttribute { from, to });
    }
    if ["ADD", "DROP", "ALTER"].iter().any(|verb| reader.sees_words(&[verb, "ATTRIBUTE"])) {
        let changes = reader.rest();
        return Some(TypeChange::Attributes { changes, cascade: changes.has_word("CASCADE") });
    }
    Some(TypeChange::Object(object_change(reader)))
}

pub(super) fn alter_domain<'t>(reader: &mut Reader<'t>) -> Option<AlterDomain<'t>> {
    let name = reader.qualified_name()?;
    Some(AlterDomain { name, change: domain_change(reader)? })
}

fn domain_change<'t>(reader: &mut Reader<'t>) -> Option<DomainChange<'t>> {
    Some(if reader.words(&["SET", "DEFAULT"]) {
        DomainChange::SetDefault(reader.rest())
    } else if reader.words(&["DROP", "DEFAULT"]) {
        DomainChange::DropDefault
    } else if reader.words(&["SET", "NOT", "NULL"]) {
        DomainChange::SetNotNull
    } else if reader.words(&["DROP", "NOT", "NULL"]) {
        DomainChange::DropNotNull
    } else if reader.word("ADD") {
        DomainChange::AddConstraint(Box::new(table_constraint(reader)?))
    } else if reader.words(&["DROP", "CONSTRAINT"]) {
        let if_exists = reader.words(&["IF", "EXISTS"]);
        let name = reader.name()?;
        DomainChange::DropConstraint { if_exists, name, cascade: cascade(reader) }
    } else if reader.words(&["RENAME", "CONSTRAINT"]) {
        let from = reader.name()?;
        reader.word("TO").then_some(())?;
        DomainChange::RenameConstraint { from, to: reader.name()? }
    } else if reader.words(&["VALIDATE", "CONSTRAINT"]) {
        DomainChange::ValidateConstraint { name: reader.name()? }
    } else {
        DomainChange::Object(object_change(reader))
    })
}

pub(super) fn alter_subscription<'t>(reader: &mut Reader<'t>) -> Option<AlterSubscription<'t>> {
    let name = reader.name()?;
    let mut ahead = *reader;
    let connection = if ahead.word("CONNECTION") { ahead.string() } else { None };
    let change = if let Some(connection) = connection {
        *reader = ahead;
        SubscriptionChange::Connection(connection.hidden())
    } else if reader.word("REFRESH") {
        reader.rest();
        SubscriptionChange::Refresh
    } else if ["SET", "ADD", "DROP"].iter().any(|verb| reader.words(&[verb, "PUBLICATION"])) {
        SubscriptionChange::Publications(trailing_options(reader))
    } else {
        let mut ahead = *reader;
        let listed = if ahead.word("SET") { options(&mut ahead) } else { None };
        match listed {
            Some(options) => {
                *reader = ahead;
                SubscriptionChange::SetOptions(options)
            }
            None => SubscriptionChange::Object(object_change(reader)),
        }
    };
    Some(AlterSubscription { name, change })
}

/// `WITH TABLESPACE x` and `TABLESPACE x` are older spellings (gram.y, AlterDatabaseStmt).
pub(super) fn alter_database<'t>(reader: &mut Reader<'t>) -> Option<AlterDatabase<'t>> {
    let name = reader.name()?;
    let mut ahead = *reader;
    let _either = ahead.word("SET") || ahead.word("WITH");
    Some(AlterDatabase { name, sets_tablespace: ahead.sees("TABLESPACE"), change: object_change(reader) })
}

/// Parses the rest after `ALTER DEFAULT PRIVILEGES`.
pub(super) fn default_privileges<'t>(reader: &mut Reader<'t>) -> DefaultPrivileges<'t> {
    let mut creators = None;
    if reader.word("FOR") {
        let _either = reader.word("ROLE") || reader.word("USER");
        creators = Some(reader.roles());
    }
    reader.until_word(&["TO", "FROM"]);
    let _either = reader.word("TO") || reader.word("FROM");
    let grantees = reader.roles();
    reader.rest();
    DefaultPrivileges { creators, grantees }
}

/// Parses the rest after `ALTER`.
pub(super) fn alter_object<'t>(reader: &mut Reader<'t>) -> Option<AlterObject<'t>> {
    reader.word("PROCEDURAL");
    let kind = object_kind(reader)?;
    let if_exists = reader.words(&["IF", "EXISTS"]);
    let has_name = !matches!(kind, ObjectKind::Operator | ObjectKind::LargeObject | ObjectKind::UserMapping);
    let name = if has_name { reader.qualified_name() } else { None };
    if !has_name && kind != ObjectKind::UserMapping {
        // A name made of operator characters, or a number.
        reader.until_word(&["OWNER", "SET"]);
    } else if reader.word("USING") {
        reader.name();
    } else if reader.sees_sign("(") {
        reader.group();
    }
    let is_of_table = matches!(kind, ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule);
    let on = if is_of_table && reader.word("ON") { reader.qualified_name() } else { None };
    if reader.words(&["IN", "DATABASE"]) {
        reader.name();
    }
    Some(AlterObject { kind, if_exists, name, on, change: change_of_kind(reader, kind) })
}

/// `ALTER TABLE ALL IN TABLESPACE`: all relations in a tablespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterAllInTablespace<'t> {
    /// The kind of relations.
    pub kind: ObjectKind,
    /// The tablespace.
    pub tablespace: Name<'t>,
    /// From `ALL` to the end.
    pub span: Span,
}

pub(super) fn alter_all<'t>(reader: &mut Reader<'t>, kind: ObjectKind) -> Option<AlterAllInTablespace<'t>> {
    let mark = reader.mark();
    reader.words(&["ALL", "IN", "TABLESPACE"]).then_some(())?;
    let tablespace = reader.name()?;
    reader.rest();
    Some(AlterAllInTablespace { kind, tablespace, span: reader.span_since(mark) })
}
