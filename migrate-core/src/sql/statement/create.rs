//! `CREATE` of objects other than tables and indexes.

use super::alter::{SequenceOptions, sequence_options};
use super::column::{DefaultClause, domain_clauses};
use super::constraint::Constraint;
use super::fragment::Fragment;
use super::name::{Name, QualifiedName, RelationRef};
use super::object::{ObjectKind, Persistence, object_kind};
use super::options::{ListedOption, foreign_options, with_options};
use super::reader::Reader;
use super::table::query_with_data;
use super::types::{TypeName, type_name};

/// `CREATE VIEW` and `CREATE MATERIALIZED VIEW`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateView<'t> {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `MATERIALIZED`
    pub is_materialized: bool,
    /// Temporary or permanent.
    pub persistence: Persistence,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The view.
    pub name: QualifiedName<'t>,
    /// The columns, if given.
    pub columns: Vec<Name<'t>>,
    /// `WITH (…)`
    pub options: Vec<ListedOption<'t>>,
    /// The query.
    pub query: Fragment<'t>,
    /// `WITH NO DATA`
    pub with_no_data: bool,
}

/// `CREATE TYPE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateType<'t> {
    /// The type.
    pub name: QualifiedName<'t>,
    /// The definition.
    pub definition: TypeDefinition<'t>,
}

/// The definition of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeDefinition<'t> {
    /// `AS ENUM`: the labels.
    Enum(Vec<Fragment<'t>>),
    /// `AS (…)`: the attributes.
    Composite(Fragment<'t>),
    /// `AS RANGE (…)`
    Range(Fragment<'t>),
    /// A base type, with its functions.
    Base(Fragment<'t>),
    /// A shell type: a name whose definition follows later.
    Shell,
}

/// `CREATE DOMAIN`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateDomain<'t> {
    /// The domain.
    pub name: QualifiedName<'t>,
    /// The underlying type.
    pub type_name: TypeName<'t>,
    /// `DEFAULT`
    pub default: Option<DefaultClause<'t>>,
    /// Its constraints, in order.
    pub constraints: Vec<Constraint<'t>>,
}

/// `CREATE SEQUENCE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateSequence<'t> {
    /// Temporary, unlogged or permanent.
    pub persistence: Persistence,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The sequence.
    pub name: QualifiedName<'t>,
    /// Its options.
    pub options: SequenceOptions<'t>,
}

/// `CREATE SCHEMA`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateSchema<'t> {
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The schema; `None` if it is named after its owner.
    pub name: Option<Name<'t>>,
    /// `AUTHORIZATION`
    pub owner: Option<Name<'t>>,
    /// The objects created in it by the same statement.
    pub elements: Fragment<'t>,
}

/// `CREATE EXTENSION`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateExtension<'t> {
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The extension.
    pub name: Name<'t>,
    /// `SCHEMA`
    pub schema: Option<Name<'t>>,
    /// `CASCADE`
    pub cascade: bool,
}

/// `CREATE POLICY` and `CREATE RULE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateOnTable<'t> {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// The kind: a policy or a rule.
    pub kind: ObjectKind,
    /// Its name.
    pub name: Name<'t>,
    /// The table.
    pub table: QualifiedName<'t>,
    /// The rest after the table.
    pub definition: Fragment<'t>,
}

/// `CREATE STATISTICS`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateStatistics<'t> {
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The object, if named.
    pub name: Option<QualifiedName<'t>>,
    /// The table.
    pub table: RelationRef<'t>,
}

/// `CREATE PUBLICATION`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatePublication<'t> {
    /// The publication.
    pub name: Name<'t>,
    /// The tables, if it is restricted to some.
    pub tables: Vec<RelationRef<'t>>,
}

/// `CREATE SUBSCRIPTION`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateSubscription<'t> {
    /// The subscription.
    pub name: Name<'t>,
    /// The connection string.
    pub connection: Option<Fragment<'t>>,
    /// The publications.
    pub publications: Vec<Name<'t>>,
    /// `WITH (…)`
    pub options: Vec<ListedOption<'t>>,
}

/// `CREATE DATABASE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateDatabase<'t> {
    /// The database.
    pub name: Name<'t>,
    /// The options: names in lowercase, with their values.
    pub options: Vec<(String, Fragment<'t>)>,
}

/// `CREATE TABLESPACE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTablespace<'t> {
    /// The tablespace.
    pub name: Name<'t>,
    /// `OWNER`
    pub owner: Option<Name<'t>>,
    /// `LOCATION`
    pub location: Option<Fragment<'t>>,
}

/// `CREATE` of an object of any other kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateObject<'t> {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// The kind of object.
    pub kind: ObjectKind,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The object; `None` for a cast, a transform, an operator or a user mapping.
    pub name: Option<QualifiedName<'t>>,
    /// The rest after the name.
    pub definition: Fragment<'t>,
    /// `PASSWORD` of a role
    pub password: Option<Fragment<'t>>,
    /// `OPTIONS (…)` of a server, a foreign-data wrapper or a user mapping
    pub foreign_options: Vec<ListedOption<'t>>,
}

/// The words between `CREATE` and the kind of object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefix {
    pub(super) or_replace: bool,
    pub(super) persistence: Persistence,
    pub(super) is_unique: bool,
    pub(super) is_constraint: bool,
}

pub(super) fn prefix(reader: &mut Reader<'_>) -> Prefix {
    let mut prefix = Prefix { or_replace: reader.words(&["OR", "REPLACE"]), ..Prefix::default() };
    loop {
        match reader.keyword().as_str() {
            "table" | "index" | "view" | "function" => return prefix,
            "temp" | "temporary" => prefix.persistence = Persistence::Temporary,
            "unlogged" => prefix.persistence = Persistence::Unlogged,
            "unique" => prefix.is_unique = true,
            "constraint" => prefix.is_constraint = true,
            "global" | "local" | "recursive" | "trusted" | "procedural" => {}
            "default" if !reader.sees_words(&["DEFAULT", "PRIVILEGES"]) => {}
            _ => return prefix,
        }
        reader.take();
    }
}

pub(super) fn create_view<'t>(
    reader: &mut Reader<'t>,
    prefix: Prefix,
    is_materialized: bool,
) -> Option<CreateView<'t>> {
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let name = reader.qualified_name()?;
    let columns = if reader.sees_sign("(") { reader.columns() } else { Vec::new() };
    if reader.word("USING") {
        reader.name();
    }
    let options = with_options(reader);
    if reader.word("TABLESPACE") {
        reader.name();
    }
    reader.word("AS").then_some(())?;
    let (query, with_no_data) = if is_materialized {
        query_with_data(reader)
    } else {
        let ends: [&[&str]; 3] =
            [&["WITH", "CHECK", "OPTION"], &["WITH", "LOCAL", "CHECK"], &["WITH", "CASCADED", "CHECK"]];
        let query = reader.until_words(&ends);
        reader.rest();
        (Some(query), false)
    };
    Some(CreateView {
        or_replace: prefix.or_replace,
        is_materialized,
        persistence: prefix.persistence,
        if_not_exists,
        name,
        columns,
        options,
        query: query?,
        with_no_data,
    })
}

pub(super) fn create_type<'t>(reader: &mut Reader<'t>) -> Option<CreateType<'t>> {
    let name = reader.qualified_name()?;
    let definition = if reader.words(&["AS", "ENUM"]) {
        TypeDefinition::Enum(reader.group()?.items())
    } else if reader.words(&["AS", "RANGE"]) {
        TypeDefinition::Range(reader.group()?)
    } else if reader.word("AS") {
        TypeDefinition::Composite(reader.group()?)
    } else {
        reader.group().map_or(TypeDefinition::Shell, TypeDefinition::Base)
    };
    Some(CreateType { name, definition })
}

pub(super) fn create_domain<'t>(reader: &mut Reader<'t>) -> Option<CreateDomain<'t>> {
    let name = reader.qualified_name()?;
    reader.word("AS");
    // The rest after the name is a column definition: type, collation, default, constraints.
    let type_name = type_name(reader)?;
    let (default, constraints) = domain_clauses(reader);
    Some(CreateDomain { name, type_name, default, constraints })
}

pub(super) fn create_sequence<'t>(
    reader: &mut Reader<'t>,
    persistence: Persistence,
) -> Option<CreateSequence<'t>> {
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let name = reader.qualified_name()?;
    Some(CreateSequence { persistence, if_not_exists, name, options: sequence_options(reader) })
}

pub(super) fn create_schema<'t>(reader: &mut Reader<'t>) -> CreateSchema<'t> {
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let name = if reader.sees("AUTHORIZATION") { None } else { reader.name() };
    let owner = if reader.word("AUTHORIZATION") { reader.name() } else { None };
    CreateSchema { if_not_exists, name, owner, elements: reader.rest() }
}

pub(super) fn create_extension<'t>(reader: &mut Reader<'t>) -> Option<CreateExtension<'t>> {
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let name = reader.name()?;
    let (mut schema, mut cascade) = (None, false);
    while !reader.at_end() {
        if reader.word("SCHEMA") {
            schema = reader.name();
        } else if reader.word("CASCADE") {
            cascade = true;
        } else if reader.word("WITH") {
        } else if reader.word("VERSION") || reader.word("FROM") {
            reader.take();
        } else {
            break;
        }
    }
    Some(CreateExtension { if_not_exists, name, schema, cascade })
}

pub(super) fn create_policy<'t>(reader: &mut Reader<'t>) -> Option<CreateOnTable<'t>> {
    let name = reader.name()?;
    reader.word("ON").then_some(())?;
    let table = reader.qualified_name()?;
    let kind = ObjectKind::Policy;
    Some(CreateOnTable { or_replace: false, kind, name, table, definition: reader.rest() })
}

pub(super) fn create_rule<'t>(reader: &mut Reader<'t>, or_replace: bool) -> Option<CreateOnTable<'t>> {
    let name = reader.name()?;
    reader.until_word(&["TO"]);
    reader.word("TO").then_some(())?;
    let table = reader.qualified_name()?;
    Some(CreateOnTable { or_replace, kind: ObjectKind::Rule, name, table, definition: reader.rest() })
}

pub(super) fn create_statistics<'t>(reader: &mut Reader<'t>) -> Option<CreateStatistics<'t>> {
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let name = if reader.sees("ON") || reader.sees_sign("(") { None } else { reader.qualified_name() };
    reader.until_word(&["FROM"]);
    reader.word("FROM").then_some(())?;
    let table = reader.relation()?;
    // Anything but a single table is rejected by the server after parsing.
    reader.rest();
    Some(CreateStatistics { if_not_exists, name, table })
}

pub(super) fn create_publication<'t>(reader: &mut Reader<'t>) -> Option<CreatePublication<'t>> {
    let name = reader.name()?;
    let mut tables = Vec::new();
    if reader.words(&["FOR", "TABLE"]) {
        tables = reader.list(|reader| {
            // TABLES IN SCHEMA, and the keywords that a list may repeat.
            reader.word("TABLE");
            if reader.sees_words(&["TABLES", "IN"]) {
                return None;
            }
            let table = reader.relation()?;
            reader.until(|reader| reader.sees_words(&["WITH"]));
            Some(table)
        });
    }
    reader.rest();
    Some(CreatePublication { name, tables })
}

pub(super) fn create_subscription<'t>(reader: &mut Reader<'t>) -> Option<CreateSubscription<'t>> {
    let name = reader.name()?;
    let connection = if reader.word("CONNECTION") { reader.string().map(Fragment::hidden) } else { None };
    let publications = if reader.word("PUBLICATION") { reader.list(Reader::name) } else { Vec::new() };
    let options = trailing_options(reader);
    Some(CreateSubscription { name, connection, publications, options })
}

/// The options of a trailing `WITH (…)` in a statement on subscriptions.
pub(super) fn trailing_options<'t>(reader: &mut Reader<'t>) -> Vec<ListedOption<'t>> {
    reader.until_word(&["WITH"]);
    with_options(reader)
}

/// Parses `createdb_opt_list` of the server's grammar: `[WITH] name [=] value …`.
pub(super) fn create_database<'t>(reader: &mut Reader<'t>) -> Option<CreateDatabase<'t>> {
    let name = reader.name()?;
    reader.word("WITH");
    let mut options = Vec::new();
    while let Some(name) = reader.name() {
        let mut option = name.written().to_ascii_lowercase();
        if option == "connection" && reader.word("LIMIT") {
            option = "connection_limit".to_owned();
        }
        reader.sign("=");
        let mark = reader.mark();
        if reader.string().is_none() {
            reader.sign("-");
            if reader.name().is_none() {
                reader.take();
            }
        }
        options.push((option, reader.since(mark)));
    }
    Some(CreateDatabase { name, options })
}

pub(super) fn create_tablespace<'t>(reader: &mut Reader<'t>) -> Option<CreateTablespace<'t>> {
    let name = reader.name()?;
    let owner = if reader.word("OWNER") { reader.name() } else { None };
    let location = if reader.word("LOCATION") { reader.string() } else { None };
    with_options(reader);
    Some(CreateTablespace { name, owner, location })
}

/// Parses the rest after `CREATE` and its prefix.
pub(super) fn create_object<'t>(reader: &mut Reader<'t>, prefix: Prefix) -> Option<CreateObject<'t>> {
    let kind = object_kind(reader)?;
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let has_name = !matches!(
        kind,
        ObjectKind::Cast | ObjectKind::Transform | ObjectKind::UserMapping | ObjectKind::Operator
    );
    let name = if has_name { reader.qualified_name() } else { None };
    let definition = reader.rest();
    let (password, listed) = (password(kind, definition), object_options(kind, definition));
    Some(CreateObject {
        or_replace: prefix.or_replace,
        kind,
        if_not_exists,
        name,
        definition,
        password,
        foreign_options: listed.unwrap_or_default(),
    })
}

/// The password among the options of a role.
pub(super) fn password(kind: ObjectKind, options: Fragment<'_>) -> Option<Fragment<'_>> {
    matches!(kind, ObjectKind::Role | ObjectKind::User | ObjectKind::Group).then_some(())?;
    let mut reader = options.reader();
    reader.until_word(&["PASSWORD"]);
    reader.word("PASSWORD").then(|| reader.string().map(Fragment::hidden))?
}

/// The options of a server, a foreign-data wrapper or a user mapping.
pub(super) fn object_options(kind: ObjectKind, definition: Fragment<'_>) -> Option<Vec<ListedOption<'_>>> {
    use ObjectKind::{ForeignDataWrapper, Server, UserMapping};
    matches!(kind, Server | ForeignDataWrapper | UserMapping).then_some(())?;
    let mut reader = definition.reader();
    reader.until_word(&["OPTIONS"]);
    reader.word("OPTIONS").then(|| foreign_options(&mut reader))?
}
