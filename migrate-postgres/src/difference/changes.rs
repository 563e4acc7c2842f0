//! Changes: the objects to create, drop, alter in place or replace.

use super::context::Context;
use super::drops::has_name_of_a_new_one;
use super::graph::{Edge, Graph, container};
use super::kinds;
use super::statement::Statement;
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::details::relation::Column;
use crate::objects::difference::Change;
use crate::objects::kind::Kind;
use crate::objects::object::{Catalog, Object};
use std::collections::{BTreeMap, BTreeSet};

/// The changes from one catalog to another.
#[derive(Debug)]
pub(super) struct Changes<'c> {
    pub(super) context: Context<'c>,
    /// The dependencies of the old schema.
    pub(super) before: Graph,
    /// The dependencies of the new schema.
    pub(super) after: Graph,
    /// The objects that are altered in place, with the statements.
    pub(super) altered: BTreeMap<Key, Vec<Statement>>,
    /// The columns whose default is dropped before the objects that it needs are replaced, and set again
    /// after.
    pub(super) undefaulted: BTreeSet<Key>,
    /// The columns whose type is replaced by one of the same name.
    pub(super) retyped: BTreeSet<Key>,
}

impl<'c> Changes<'c> {
    pub(super) fn between(from: &'c Catalog, to: &'c Catalog) -> Changes<'c> {
        let context = Context {
            from,
            to,
            created: BTreeSet::new(),
            dropped: BTreeSet::new(),
            apart: BTreeSet::new(),
            replaced_types: BTreeSet::new(),
            knows_maintain: [from, to].into_iter().any(kinds::access::has_maintain),
        };
        let (before, after) = (Graph::of(from), Graph::of(to));
        let (altered, undefaulted, retyped) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut changes = Changes { context, before, after, altered, undefaulted, retyped };
        changes.classify();
        changes.spread();
        changes.set_apart();
        changes
    }

    fn classify(&mut self) {
        let Context { from, to, .. } = self.context;
        for difference in &from.differences(to) {
            let key = Key::of(&difference.object);
            match difference.change {
                Change::Added => {
                    self.context.created.insert(key);
                }
                Change::Removed => {
                    self.context.dropped.insert(key);
                }
                Change::Changed => self.change(key),
            }
        }
    }

    /// Alters an object in place, or replaces it.
    fn change(&mut self, key: Key) {
        match self.alteration(&key) {
            Some(statements) => {
                self.altered.insert(key, statements);
            }
            None => self.replace(&key),
        }
    }

    fn alteration(&self, key: &Key) -> Option<Vec<Statement>> {
        let (old, new) = (self.context.from.get(key)?, self.context.to.get(key)?);
        if self.follows_parent(old, new) { Some(Vec::new()) } else { kinds::alter(old, new, &self.context) }
    }

    /// True if the change of an inherited column comes with the same change of the parent's.
    fn follows_parent(&self, old: &Object, new: &Object) -> bool {
        let (Some(before), Some(after)) = (inherited(old), inherited(new)) else { return false };
        let of_parent = |catalog: &'c Catalog, object: &Object| -> Option<&'c Column> {
            let name = object.identity().strip_prefix(object.table()?)?;
            parents(catalog, object).into_iter().find_map(|parent| {
                match catalog.find(Kind::Column, &format!("{parent}{name}"))?.details()? {
                    Details::Column(column) => Some(column),
                    _ => None,
                }
            })
        };
        let parent = |catalog, object| of_parent(catalog, object).map(Column::as_local);
        parent(self.context.from, old) == Some(before.as_local())
            && parent(self.context.to, new) == Some(after.as_local())
    }

    /// Drops an object and creates it again, if the new schema has it.
    fn replace(&mut self, key: &Key) {
        self.altered.remove(key);
        if self.context.from.get(key).is_some() {
            self.context.dropped.insert(key.clone());
        }
        if self.context.to.get(key).is_some() {
            self.context.created.insert(key.clone());
        }
    }

    /// Replaces the dependents of an object that is dropped, or of a column whose type changes.
    fn spread(&mut self) {
        let retyped: Vec<Key> = self.altered.keys().filter(|key| self.is_retyped(key)).cloned().collect();
        let mut waiting: Vec<(Key, bool)> = retyped.into_iter().map(|key| (key, true)).collect();
        waiting.extend(self.context.dropped.iter().map(|key| (key.clone(), false)));
        while let Some((key, is_retyped)) = waiting.pop() {
            if self.is_type_of_columns(&key) && self.context.to.get(&key).is_some() {
                self.context.replaced_types.insert(key.clone());
            }
            // An object that is altered in place no longer needs it afterwards.
            let is_last =
                !is_retyped && self.context.to.get(&key).is_none() && !has_name_of_a_new_one(self, &key);
            for edge in self.before.dependents(&key).to_vec() {
                let is_free = self.context.dropped.contains(&edge.key)
                    || is_last && self.altered.contains_key(&edge.key) && !self.retyped.contains(&edge.key);
                if !is_free && self.is_in_the_way(&key, &edge, is_retyped) {
                    waiting.extend(self.free(&key, &edge));
                }
            }
        }
    }

    fn is_retyped(&self, key: &Key) -> bool {
        let column = |catalog: &'c Catalog| match catalog.get(key).and_then(Object::details) {
            Some(Details::Column(column)) => Some((&column.data_type, &column.collation)),
            _ => None,
        };
        column(self.context.from) != column(self.context.to)
    }

    /// True if columns of tables that stay have this type.
    fn is_type_of_columns(&self, key: &Key) -> bool {
        matches!(key.kind, Kind::Type | Kind::Domain)
            && self.before.dependents(key).iter().any(|edge| {
                edge.key.kind == Kind::Column
                    && !edge.of_expression
                    && self.context.to.get(&edge.key).is_some()
            })
    }

    /// True if an object keeps the one that it depends on from being dropped, or a column from changing its type.
    fn is_in_the_way(&self, key: &Key, edge: &Edge, survives: bool) -> bool {
        if !survives {
            return true;
        }
        let follows = matches!(
            edge.key.kind,
            Kind::Index
                | Kind::Constraint
                | Kind::Statistics
                | Kind::Comment
                | Kind::Privileges
                | Kind::Sequence
        );
        // The default is dropped and set in the statement that changes the type.
        let is_generated = edge.key.kind == Kind::Column && edge.key != *key;
        let is_other = edge.key.kind != Kind::Column && edge.key.kind != Kind::Publication;
        !follows && (is_generated || is_other)
    }

    /// Detaches a dependent from an object. The result is the object that was dropped or retyped for it.
    fn free(&mut self, key: &Key, edge: &Edge) -> Option<(Key, bool)> {
        let dependent = &edge.key;
        let column = match self.context.from.get(dependent).and_then(Object::details) {
            Some(Details::Column(column)) => Some(column),
            _ => None,
        };
        let table = self.context.from.get(dependent).and_then(|object| container(self.context.from, object));
        match column {
            Some(column) if table.as_ref() != Some(key) => {
                if edge.of_expression && column.generated.is_none() {
                    self.undefaulted.insert(dependent.clone());
                    return None;
                }
                if matches!(key.kind, Kind::Type | Kind::Domain) && self.context.to.get(dependent).is_some() {
                    let statements = kinds::column::retype(dependent, &self.context)?;
                    self.altered.insert(dependent.clone(), statements);
                    self.retyped.insert(dependent.clone());
                    return Some((dependent.clone(), true));
                }
            }
            _ if dependent.kind == Kind::Publication => return None,
            _ => {}
        }
        self.replace(dependent);
        Some((dependent.clone(), false))
    }

    /// Finds the defaults and constraints of new tables that need an object which needs the table.
    fn set_apart(&mut self) {
        let created = self.context.created.iter();
        let parts = created.filter(|key| matches!(key.kind, Kind::Column | Kind::Constraint));
        let apart: BTreeSet<Key> = parts.filter(|key| self.is_circular(key)).cloned().collect();
        self.context.apart = apart;
    }

    fn is_circular(&self, key: &Key) -> bool {
        let Some(object) = self.context.to.get(key) else { return false };
        let Some(table) = container(self.context.to, object) else { return false };
        let of_expression = |edge: &&Edge| key.kind == Kind::Constraint || edge.of_expression;
        let needed = self.after.needs(key).iter().filter(of_expression).map(|edge| edge.key.clone());
        self.reaches(
            needed.filter(|needed| *needed != table && !self.is_of(needed, &table)).collect(),
            &table,
        )
    }

    /// True if an object is a table, or part of it.
    fn is_of(&self, key: &Key, table: &Key) -> bool {
        let object = self.context.to.get(key);
        key == table || object.and_then(|object| container(self.context.to, object)).as_ref() == Some(table)
    }

    fn reaches(&self, mut waiting: Vec<Key>, table: &Key) -> bool {
        let mut seen = BTreeSet::new();
        while let Some(key) = waiting.pop() {
            if self.is_of(&key, table) {
                return true;
            }
            if seen.insert(key.clone()) {
                waiting.extend(self.after.needs(&key).iter().map(|edge| edge.key.clone()));
            }
        }
        false
    }
}

/// The tables that the table of a column inherits from, or is a partition of.
fn parents(catalog: &Catalog, column: &Object) -> Vec<String> {
    let table = container(catalog, column).and_then(|key| catalog.get(&key)?.details());
    match table {
        Some(Details::Table(table)) => table.partition_of.iter().chain(&table.inherits).cloned().collect(),
        _ => Vec::new(),
    }
}

fn inherited(object: &Object) -> Option<&Column> {
    match object.details() {
        Some(Details::Column(column)) if column.inherited => Some(column),
        _ => None,
    }
}
