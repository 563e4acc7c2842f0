//! Schema objects, and the catalog that lists them.

use crate::objects::dependency::{Dependency, Key};
use crate::objects::details::Details;
use crate::objects::details::attributes::{Attributes, unix};
use crate::objects::difference::{Differences, differences, without_columns};
use crate::objects::kind::Kind;
use crate::objects::pattern::Pattern;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;

/// One schema object: its kind, identity and definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    kind: Kind,
    identity: String,
    definition: String,
    table: Option<String>,
    details: Option<Box<Details>>,
}

impl Object {
    /// An object with its definition, as lines of text. Line endings do not count, even in function bodies
    /// and constants: CR LF and CR become LF.
    pub fn new(kind: Kind, identity: impl Into<String>, definition: impl Into<String>) -> Object {
        let definition = unix(&definition.into()).into_owned();
        Object { kind, identity: identity.into(), definition, table: None, details: None }
    }

    /// An object as a server describes it. Its definition is the text form of its details.
    pub(crate) fn described(kind: Kind, identity: String, attributes: Attributes<'_>) -> Object {
        let details = Details::of(kind, attributes);
        let definition = details.text(kind);
        Object { kind, identity, definition, table: None, details: Some(Box::new(details)) }
    }

    /// Makes this object part of a table or another object, whose patterns then match it too.
    pub fn of(self, table: impl Into<String>) -> Object {
        Object { table: Some(table.into()), ..self }
    }

    /// The object's kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The object's name, quoted where necessary, with its schema and table: `public.users`,
    /// `public.users.email`, `public.add(integer, integer)`. Without the schema if [one
    /// schema](crate::schema::catalog::Scope::schema) was read.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The object's definition, line by line, in SQL terms.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// The identity of the table or other object that this one is part of, for example the table of an index.
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The object's details, if a server described it.
    pub(crate) fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// The object's unique key in a catalog.
    pub(crate) fn key(&self) -> (Kind, &str) {
        (self.kind, &self.identity)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match (self.kind, self.identity.as_str()) {
            (kind, "") => write!(f, "{kind}"),
            (Kind::Comment | Kind::Privileges, identity) => write!(f, "{} on {identity}", self.kind),
            (kind, identity) => write!(f, "{kind} {identity}"),
        }
    }
}

/// True for a line of a table's definition that names a column in its position.
pub(crate) fn is_column(line: &str) -> bool {
    line.starts_with("column ")
}

/// The objects of a database or of a schema, sorted by kind and identity.
///
/// # Examples
///
/// ```
/// use migrate_postgres::catalog::{Catalog, Kind, Object};
///
/// let before = Catalog::of([Object::new(Kind::Column, "public.users.email", "text")]);
/// let after = Catalog::of([Object::new(Kind::Column, "public.users.email", "text\nNOT NULL")]);
/// assert_eq!(before.differences(&after).to_string(), "column public.users.email: changed\n   text\n  +NOT NULL");
/// assert_ne!(before.fingerprint(), after.fingerprint());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    objects: Vec<Object>,
    dependencies: Vec<Dependency>,
    reader: Option<String>,
}

impl Catalog {
    /// A catalog of these objects.
    pub fn of(objects: impl IntoIterator<Item = Object>) -> Catalog {
        let mut objects: Vec<Object> = objects.into_iter().collect();
        objects.sort_unstable();
        Catalog { objects, dependencies: Vec::new(), reader: None }
    }

    /// The same catalog, with its dependencies.
    pub(crate) fn depending(mut self, mut dependencies: Vec<Dependency>) -> Catalog {
        dependencies.sort_unstable();
        dependencies.dedup();
        self.dependencies = dependencies;
        self
    }

    /// The same catalog, with the role that read it.
    pub(crate) fn read_by(self, reader: Option<String>) -> Catalog {
        Catalog { reader, ..self }
    }

    /// The role that read it, with the dependencies: the one that will create objects.
    pub(crate) fn reader(&self) -> Option<&str> {
        self.reader.as_deref()
    }

    /// The dependencies between its objects, if [they were read](crate::schema::catalog::Scope::with_dependencies).
    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The object with this key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Object> {
        self.find(key.kind, &key.identity)
    }

    /// The objects, sorted by kind and identity.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The object with this kind and identity.
    pub fn find(&self, kind: Kind, identity: &str) -> Option<&Object> {
        let place = self.objects.binary_search_by(|object| object.key().cmp(&(kind, identity)));
        place.ok().map(|place| &self.objects[place])
    }

    /// Removes the objects that any of the patterns matches.
    pub fn ignoring(mut self, patterns: &[Pattern]) -> Catalog {
        self.objects.retain(|object| !patterns.iter().any(|pattern| pattern.matches(object)));
        self
    }

    /// Keeps only the objects that `keep` selects.
    pub(crate) fn retaining(mut self, keep: impl Fn(&Object) -> bool) -> Catalog {
        self.objects.retain(keep);
        self
    }

    /// Removes the objects of these kinds.
    pub fn without(mut self, kinds: &[Kind]) -> Catalog {
        self.objects.retain(|object| !kinds.contains(&object.kind));
        self
    }

    /// Ignores the order of table columns, for comparisons after a column may have been recreated: PostgreSQL
    /// puts it last.
    pub fn without_order_of_columns(mut self) -> Catalog {
        for object in self.objects.iter_mut().filter(|object| object.kind.has_columns()) {
            object.definition = without_columns(&object.definition);
        }
        self
    }

    /// The changes from this catalog to another. `Added` means that only the other one has the object.
    pub fn differences(&self, other: &Catalog) -> Differences {
        differences(self.compared(), other.compared())
    }

    /// The changes of objects that are [listed and not compared](Kind::is_noted), from this catalog to another.
    pub fn noted_differences(&self, other: &Catalog) -> Differences {
        differences(self.noted(), other.noted())
    }

    /// The objects of kinds that are not read: a comparison or a plan knows nothing of them.
    pub fn unmodelled(&self) -> impl Iterator<Item = &Object> {
        self.noted().filter(|object| object.kind == Kind::Unmodelled)
    }

    fn compared(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| !object.kind.is_noted())
    }

    fn noted(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| object.kind.is_noted())
    }

    /// The tables whose columns are in another order in the other catalog, among those that both have. That is not
    /// a difference, since no statement changes it.
    pub fn reordered(&self, other: &Catalog) -> Vec<&Object> {
        let columns = |object: &Object| -> Vec<String> {
            object.definition.lines().filter(|line| is_column(line)).map(str::to_owned).collect()
        };
        let is_reordered = |object: &&Object| {
            let Some(other) = other.find(object.kind, &object.identity) else { return false };
            let (old, new) = (columns(object), columns(other));
            let common = |one: &[String], two: &[String]| {
                one.iter().filter(|line| two.contains(line)).cloned().collect::<Vec<_>>()
            };
            common(&old, &new) != common(&new, &old)
        };
        self.objects.iter().filter(|object| object.kind.has_columns()).filter(is_reordered).collect()
    }

    /// SHA-256 over the kinds, identities and definitions of all objects. Two catalogs without differences
    /// have the same fingerprint if they were read in the same scope from servers of the same major version.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for object in self.compared() {
            let definition = match object.kind.has_columns() {
                true => Cow::Owned(without_columns(&object.definition)),
                false => Cow::Borrowed(&*object.definition),
            };
            for text in [object.kind.word(), &object.identity, &definition] {
                // The length comes first, so that no two lists of texts give the same bytes.
                hasher.update((text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize().into()
    }
}
