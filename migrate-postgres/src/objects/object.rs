//! Objects, and the list of them that a catalog is.

use crate::objects::difference::{Differences, differences};
use crate::objects::kind::Kind;
use crate::objects::pattern::Pattern;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// One object of a schema: what it is, what it is called, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    kind: Kind,
    identity: String,
    definition: String,
    table: Option<String>,
}

impl Object {
    /// An object with its definition, lines of text. Which line endings it was written with does not count, in the bodies of
    /// functions and in constants neither: LF stands for CR LF and for CR.
    pub fn new(kind: Kind, identity: impl Into<String>, definition: impl Into<String>) -> Object {
        let mut definition: String = definition.into();
        if definition.contains('\r') {
            definition = definition.replace("\r\n", "\n").replace('\r', "\n");
        }
        Object { kind, identity: identity.into(), definition, table: None }
    }

    /// The same, as part of a table or another object: patterns that match that one's identity match this object too.
    pub fn of(self, table: impl Into<String>) -> Object {
        Object { table: Some(table.into()), ..self }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, quoted where need be and with its schema and table: `public.users`, `public.users.email`,
    /// `public.add(integer, integer)`. Without the schema where [one schema](crate::schema::catalog::Scope::schema) was read.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// What it is made of, line by line, in words of SQL.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// The identity of the table, or other object, that it is a part of: that of an index, say.
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// What tells it from the others of a catalog.
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

/// Whether a line of a table's definition names a column, in its place.
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
    /// A catalog of the given objects.
    pub fn of(objects: impl IntoIterator<Item = Object>) -> Catalog {
        let mut objects: Vec<Object> = objects.into_iter().collect();
        objects.sort_unstable();
        Catalog { objects }
    }

    /// Its objects, sorted by kind and identity.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The object of a kind and an identity.
    pub fn find(&self, kind: Kind, identity: &str) -> Option<&Object> {
        let place = self.objects.binary_search_by(|object| object.key().cmp(&(kind, identity)));
        place.ok().map(|place| &self.objects[place])
    }

    /// The same without the objects that any of the patterns matches.
    pub fn ignoring(mut self, patterns: &[Pattern]) -> Catalog {
        self.objects.retain(|object| !patterns.iter().any(|pattern| pattern.matches(object)));
        self
    }

    /// The same without the objects of these kinds.
    pub fn without(mut self, kinds: &[Kind]) -> Catalog {
        self.objects.retain(|object| !kinds.contains(&object.kind));
        self
    }

    /// The same without the order of the columns of tables: for where a column may have been made again, which PostgreSQL
    /// puts at the end.
    pub fn without_order_of_columns(mut self) -> Catalog {
        for object in self.objects.iter_mut().filter(|object| object.kind.has_columns()) {
            let lines = object.definition.lines().filter(|line| !is_column(line));
            object.definition = lines.collect::<Vec<_>>().join("\n");
        }
        self
    }

    /// What leads from this catalog to another one: added is what only the other one has.
    pub fn differences(&self, other: &Catalog) -> Differences {
        differences(&self.objects, &other.objects)
    }

    /// One value for all of it: SHA-256 over the kinds, identities and definitions of its objects. Two catalogs without
    /// differences, read in the same scope from servers of the same major version, have the same one.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for object in &self.objects {
            for text in [object.kind.word(), &object.identity, &object.definition] {
                // The length first: no two lists of texts give the same bytes.
                hasher.update((text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize().into()
    }
}
