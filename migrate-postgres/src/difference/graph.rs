//! The dependencies of a catalog as a graph, with those that follow from an object's identity.

use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::kind::Kind;
use crate::objects::name;
use crate::objects::object::{Catalog, Object};
use std::collections::BTreeMap;

/// An edge between two objects, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    /// The other object.
    pub(super) key: Key,
    /// True if dropping the needed object drops the dependent one.
    pub(super) is_automatic: bool,
    /// True if a default or the expression of a generated column needs it.
    pub(super) of_expression: bool,
}

/// The needs and dependents of each object.
#[derive(Debug, Default)]
pub(super) struct Graph {
    needs: BTreeMap<Key, Vec<Edge>>,
    dependents: BTreeMap<Key, Vec<Edge>>,
}

impl Graph {
    pub(super) fn of(catalog: &Catalog) -> Graph {
        let mut graph = Graph::default();
        for dependency in catalog.dependencies() {
            let flags = (dependency.is_automatic, dependency.of_expression);
            graph.add(&dependency.dependent, &dependency.on, flags);
        }
        for object in catalog.objects() {
            let key = Key::of(object);
            let schema = schema_of(catalog, object).filter(|schema| *schema != key);
            if let Some(on) = schema {
                graph.add(&key, &on, (false, false));
            }
            if let Some(on) = container(catalog, object) {
                graph.add(&key, &on, (true, false));
            }
        }
        graph
    }

    fn add(&mut self, dependent: &Key, on: &Key, (is_automatic, of_expression): (bool, bool)) {
        let edge = |key: &Key| Edge { key: key.clone(), is_automatic, of_expression };
        self.needs.entry(dependent.clone()).or_default().push(edge(on));
        self.dependents.entry(on.clone()).or_default().push(edge(dependent));
    }

    /// The objects that an object needs.
    pub(super) fn needs(&self, key: &Key) -> &[Edge] {
        self.needs.get(key).map_or(&[], Vec::as_slice)
    }

    /// The objects that need an object.
    pub(super) fn dependents(&self, key: &Key) -> &[Edge] {
        self.dependents.get(key).map_or(&[], Vec::as_slice)
    }
}

/// The table, view, type or other object that an object is part of, or that a comment or privileges are on.
pub(super) fn container(catalog: &Catalog, object: &Object) -> Option<Key> {
    let target = match object.kind() {
        Kind::Comment | Kind::Privileges => target(object.identity()),
        _ => None,
    };
    let found = |key: &Key| catalog.get(key).is_some();
    if let Some(key) = target.filter(|key| found(key)) {
        return Some(key);
    }
    let identity = object.table()?;
    const WHOLES: [Kind; 6] =
        [Kind::Table, Kind::ForeignTable, Kind::View, Kind::MaterializedView, Kind::Type, Kind::Domain];
    WHOLES.into_iter().map(|kind| Key::new(kind, identity)).find(found)
}

/// The object that a comment or privileges are on: `table public.users`.
pub(super) fn target(identity: &str) -> Option<Key> {
    let kinds = Kind::ALL.iter().filter(|kind| identity.starts_with(kind.word()));
    let kind = *kinds.max_by_key(|kind| kind.word().len())?;
    let rest = identity[kind.word().len()..].trim_start();
    Some(Key::new(kind, rest))
}

fn schema_of(catalog: &Catalog, object: &Object) -> Option<Key> {
    let named = match object.details()? {
        Details::DefaultPrivileges(privileges) => privileges.schema.as_deref(),
        Details::Comment(_) | Details::Privileges(_) | Details::Cast(_) => None,
        _ => name::schema(object.identity()),
    };
    let key = Key::new(Kind::Schema, named?);
    catalog.get(&key).map(Key::of)
}
