//! Drops: those that come first, those that come last, and those that follow from another one.

use super::changes::Changes;
use super::graph::{Edge, container};
use super::order::sort;
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::kind::Kind;
use crate::objects::name;
use crate::objects::object::Object;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The drops of a plan, in order.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// Those before anything is created.
    pub(super) first: Vec<Key>,
    /// Those after everything is created.
    pub(super) last: Vec<Key>,
    /// The defaults to drop first, with the columns that have them.
    pub(super) defaults: BTreeSet<Key>,
}

impl Drops {
    pub(super) fn of(changes: &Changes<'_>) -> Drops {
        let dropped = &changes.context.dropped;
        let is_replaced = |key: &&Key| changes.context.created.contains(*key);
        let in_the_way = |key: &&Key| is_replaced(key) || has_name_of_a_new_one(changes, key);
        let first = closure(dropped.iter().filter(in_the_way).cloned(), |key| dependents(changes, key));
        let is_needed = |key: &Key| {
            let dependents = changes.before.dependents(key);
            dependents.iter().any(|edge| changes.altered.contains_key(&edge.key))
        };
        let with_data = |key: &&Key| !first.contains(*key) && (keeps_data(key.kind) || is_needed(key));
        let tables = parts(changes);
        let last = closure(dropped.iter().filter(with_data).cloned(), |key| {
            let parts = tables.get(key).into_iter().flatten().chain([key]);
            let needs = parts.flat_map(|part| changes.before.needs(part)).map(|edge| edge.key.clone());
            needs.filter(|key| dropped.contains(key) && !first.contains(key)).collect()
        });
        let explicit = |key: &&Key| !is_implied(changes, key);
        let last_explicit: BTreeSet<Key> = last.iter().filter(explicit).cloned().collect();
        let all_first = dropped.iter().filter(|key| !last.contains(*key));
        let first_explicit: BTreeSet<Key> = all_first.filter(explicit).cloned().collect();
        let cut = cycles(changes, &tables);
        let defaults = cut.iter().filter(|key| key.kind == Kind::Column).cloned();
        let parts = cut.iter().filter(|key| key.kind != Kind::Column).cloned();
        let defaults = defaults.chain(changes.undefaulted.iter().cloned()).collect();
        Drops {
            first: ordered(changes, &first_explicit, &BTreeSet::new()),
            last: ordered(changes, &last_explicit, &parts.collect()),
            defaults,
        }
    }
}

/// The kinds whose objects hold data, or other objects.
fn keeps_data(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table | Kind::ForeignTable | Kind::Column | Kind::Sequence | Kind::Schema | Kind::Extension
            // New objects get those that the old schema has.
            | Kind::DefaultPrivileges
    )
}

/// True if it is dropped with the object that it is part of, or that it depends on automatically.
pub(super) fn is_implied(changes: &Changes<'_>, key: &Key) -> bool {
    let context = &changes.context;
    if let Some(object) = context.from.get(key) {
        if is_inherited(object) && context.to.get(key).is_none() {
            return true;
        }
        if container(context.from, object).is_some_and(|whole| context.dropped.contains(&whole)) {
            return true;
        }
    }
    let automatic = |edge: &Edge| edge.is_automatic && context.dropped.contains(&edge.key);
    !matches!(key.kind, Kind::Table | Kind::ForeignTable | Kind::Publication)
        && changes.before.needs(key).iter().any(automatic)
}

fn is_inherited(object: &Object) -> bool {
    match object.details() {
        Some(Details::Column(column)) => column.inherited,
        Some(Details::Constraint(constraint)) => constraint.inherited,
        Some(Details::Index(index)) => index.partition_of.is_some(),
        _ => false,
    }
}

fn dependents(changes: &Changes<'_>, key: &Key) -> Vec<Key> {
    let dependents = changes.before.dependents(key).iter().map(|edge| edge.key.clone());
    dependents.filter(|key| changes.context.dropped.contains(key)).collect()
}

/// True if a new object of another kind has the same name.
pub(super) fn has_name_of_a_new_one(changes: &Changes<'_>, key: &Key) -> bool {
    let space = name_space(key.kind);
    let created = changes.context.created.iter();
    if key.kind == Kind::Sequence && is_name_of_identity(changes, key) {
        return true;
    }
    space.is_some()
        && created
            .clone()
            .any(|new| name_space(new.kind) == space && new.identity == key.identity && new.kind != key.kind)
}

/// True if an identity column of the new schema has a sequence of this name.
fn is_name_of_identity(changes: &Changes<'_>, key: &Key) -> bool {
    changes.context.to.objects().iter().any(|object| match object.details() {
        Some(Details::Column(column)) => column.sequence.as_deref().is_some_and(|sequence| {
            let schema = object.table().and_then(name::schema);
            name::schema(&key.identity) == schema && name::last(&key.identity) == sequence
        }),
        _ => false,
    })
}

/// Kinds with the same number share their names.
fn name_space(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Table
        | Kind::ForeignTable
        | Kind::View
        | Kind::MaterializedView
        | Kind::Sequence
        | Kind::Index => Some(0),
        Kind::Type | Kind::Domain => Some(1),
        Kind::Function | Kind::Procedure | Kind::Aggregate => Some(2),
        _ => None,
    }
}

fn closure(start: impl Iterator<Item = Key>, next: impl Fn(&Key) -> Vec<Key>) -> BTreeSet<Key> {
    let mut waiting: Vec<Key> = start.collect();
    let mut found = BTreeSet::new();
    while let Some(key) = waiting.pop() {
        if found.insert(key.clone()) {
            waiting.extend(next(&key));
        }
    }
    found
}

/// Dependents before what they need; an object that is dropped with another one counts as that one.
fn ordered(changes: &Changes<'_>, keys: &BTreeSet<Key>, cut: &BTreeSet<Key>) -> Vec<Key> {
    let explicit = |key: &Key| dropped_with(changes, key, cut);
    let nodes: BTreeSet<Reverse<Key>> = keys.iter().chain(cut).cloned().map(Reverse).collect();
    let parts: Vec<(Key, Key)> =
        changes.context.dropped.iter().map(|key| (explicit(key), key.clone())).collect();
    let needs = |node: &Reverse<Key>| {
        let mine = parts.iter().filter(|(whole, _)| *whole == node.0).map(|(_, part)| part);
        let dependents = mine.flat_map(|part| changes.before.dependents(part));
        dependents.map(|edge| Reverse(explicit(&edge.key))).collect()
    };
    sort(&nodes, needs, |_| Vec::new()).into_iter().map(|node| node.0).collect()
}

/// The object whose drop drops this one.
fn dropped_with(changes: &Changes<'_>, key: &Key, cut: &BTreeSet<Key>) -> Key {
    let mut key = key.clone();
    while !cut.contains(&key) && is_implied(changes, &key) {
        let whole = changes.context.from.get(&key).and_then(|object| container(changes.context.from, object));
        match whole.filter(|whole| changes.context.dropped.contains(whole)) {
            Some(whole) => key = whole,
            None => break,
        }
    }
    key
}

/// The foreign keys and defaults of dropped tables that need an object which needs the table: they are dropped first.
fn cycles(changes: &Changes<'_>, parts: &BTreeMap<Key, Vec<Key>>) -> BTreeSet<Key> {
    let context = &changes.context;
    let is_cut = |key: &&Key| {
        let Some(object) = context.from.get(key) else { return false };
        let Some(table) = container(context.from, object) else { return false };
        if !context.dropped.contains(&table) {
            return false;
        }
        let of_cycle = |edge: &&Edge| key.kind != Kind::Column || edge.of_expression;
        let needs = changes.before.needs(key).iter().filter(of_cycle).map(|edge| whole(changes, &edge.key));
        let start: Vec<Key> = needs.filter(|key| *key != table && context.dropped.contains(key)).collect();
        let reached = closure(start.into_iter(), |key| {
            let parts = parts.get(key).into_iter().flatten();
            parts.flat_map(|part| changes.before.needs(part)).map(|edge| whole(changes, &edge.key)).collect()
        });
        reached.contains(&table)
    };
    let parts = context.dropped.iter().filter(|key| {
        matches!(
            key.kind,
            Kind::Column | Kind::Constraint | Kind::Policy | Kind::Rule | Kind::Trigger | Kind::Index
        )
    });
    parts.filter(is_cut).cloned().collect()
}

/// The dropped objects, by the tables that they are part of.
fn parts(changes: &Changes<'_>) -> BTreeMap<Key, Vec<Key>> {
    let mut parts: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
    for key in &changes.context.dropped {
        parts.entry(whole(changes, key)).or_default().push(key.clone());
    }
    parts
}

/// The table of an object, or the object.
fn whole(changes: &Changes<'_>, key: &Key) -> Key {
    let object = changes.context.from.get(key);
    object.and_then(|object| container(changes.context.from, object)).unwrap_or_else(|| key.clone())
}
