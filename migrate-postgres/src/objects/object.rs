//! Schema objects, and the catalog that lists them.

use crate::objects::difference::{Differences, differences};
use crate::objects::kind::Kind;
use crate::objects::pattern::Pattern;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// One schema object: its kind, identity and definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    kind: Kind,
    identity: String,
    definition: String,
    table: Option<String>,
}

impl Object {
    /// An object with its definition, as lines of text. Line endings do not count, even in function bodies
    /// and constants: CR LF and CR become LF.
    pub fn new(kind: Kind, identity: impl Into<String>, definition: impl Into<String>) -> Object {
        let mut definition: String = definition.into();
        if definition.contains('\r') {
            definition = definition.replace("\r\n", "\n").replace('\r', "\n");
        }
        Object { kind, identity: identity.into(), definition, table: None }
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
}

impl Catalog {
    /// A catalog of these objects.
    pub fn of(objects: impl IntoIterator<Item = Object>) -> Catalog {
        let mut objects: Vec<Object> = objects.into_iter().collect();
        objects.sort_unstable();
        Catalog { objects }
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

    /// Removes the objects of these kinds.
    pub fn without(mut self, kinds: &[Kind]) -> Catalog {
        self.objects.retain(|object| !kinds.contains(&object.kind));
        self
    }

    /// Ignores the order of table columns, for comparisons after a column may have been recreated: PostgreSQL
    /// puts it last.
    pub fn without_order_of_columns(mut self) -> Catalog {
        for object in self.objects.iter_mut().filter(|object| object.kind.has_columns()) {
            let lines = object.definition.lines().filter(|line| !is_column(line));
            object.definition = lines.collect::<Vec<_>>().join("\n");
        }
        self
    }

    /// The changes from this catalog to another. `Added` means that only the other one has the object.
    pub fn differences(&self, other: &Catalog) -> Differences {
        differences(&self.objects, &other.objects)
    }

    /// SHA-256 over the kinds, identities and definitions of all objects. Two catalogs without differences
    /// have the same fingerprint if they were read in the same scope from servers of the same major version.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for object in &self.objects {
            for text in [object.kind.word(), &object.identity, &object.definition] {
                // The length comes first, so that no two lists of texts give the same bytes.
                hasher.update((text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize().into()
    }
}
