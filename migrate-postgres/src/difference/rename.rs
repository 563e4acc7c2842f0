//! Renames: the objects that may have been renamed, and the statements that rename them.

use super::changes::Changes;
use super::graph::container;
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::kind::Kind;
use crate::objects::name;
use crate::objects::object::{Catalog, Object};

/// A dropped and a created object of the same kind that are equal except for their names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenameCandidate {
    /// The kind of both.
    pub kind: Kind,
    /// The identity of the dropped object.
    pub from: String,
    /// The identity of the created object.
    pub to: String,
}

/// The pairs that may be renames. An object may occur in several.
pub(super) fn candidates(changes: &Changes<'_>) -> Vec<RenameCandidate> {
    let context = &changes.context;
    let only = |keys: &std::collections::BTreeSet<Key>, others: &std::collections::BTreeSet<Key>| {
        let keys = keys.iter().filter(|key| is_renameable(key.kind) && !others.contains(*key));
        keys.cloned().collect::<Vec<Key>>()
    };
    let removed = only(&context.dropped, &context.created);
    let added = only(&context.created, &context.dropped);
    let mut found = Vec::new();
    for old in &removed {
        for new in added.iter().filter(|new| new.kind == old.kind) {
            let (Some(before), Some(after)) = (context.from.get(old), context.to.get(new)) else { continue };
            let is_part =
                |catalog, object| container(catalog, object).filter(|whole| whole.kind.has_columns());
            let wholes = (is_part(context.from, before), is_part(context.to, after));
            if wholes.0 == wholes.1 && likeness(context.from, before) == likeness(context.to, after) {
                let (from, to) = (old.identity.clone(), new.identity.clone());
                found.push(RenameCandidate { kind: old.kind, from, to });
            }
        }
    }
    found
}

fn is_renameable(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table
            | Kind::ForeignTable
            | Kind::Column
            | Kind::Type
            | Kind::Domain
            | Kind::Sequence
            | Kind::Schema
    )
}

/// The part of an object that a rename keeps.
fn likeness(catalog: &Catalog, object: &Object) -> Option<Vec<String>> {
    match object.details()? {
        Details::Table(table) => {
            let column = |name: &String| {
                let column = catalog.find(Kind::Column, &format!("{}.{name}", object.identity()))?;
                let Details::Column(details) = column.details()? else { return None };
                Some(format!("{name} {}", details.data_type))
            };
            table.columns.iter().map(column).collect()
        }
        Details::Column(column) => Some(vec![column.data_type.clone()]),
        Details::Schema(_) => {
            let prefix = format!("{}.", object.identity());
            let objects = catalog.objects().iter();
            let names = objects.filter_map(|object| object.identity().strip_prefix(&prefix));
            Some(names.map(str::to_owned).collect())
        }
        _ => Some(vec![object.definition().to_owned()]),
    }
}

/// The statement that renames an object of the old schema, without a semicolon. `from` and `to` are identities: of a
/// table, a column, a type, a sequence, an index or a schema. None if the kind can't be renamed, or if `to` is not
/// beside `from`.
pub fn rename(catalog: &Catalog, kind: Kind, from: &str, to: &str) -> Option<String> {
    let object = catalog.find(kind, from)?;
    let word = kind.word().to_uppercase();
    let beside = |identity: &str, name: &str| identity.strip_suffix(name).map(str::to_owned);
    let (old, new) = (name::last(from), name::last(to));
    if beside(from, old)? != beside(to, new)? {
        return None;
    }
    Some(match kind {
        Kind::Column | Kind::Constraint => {
            let table = object.table()?;
            format!("ALTER TABLE {table} RENAME {word} {old} TO {new}")
        }
        Kind::Trigger | Kind::Policy | Kind::Rule => {
            format!("ALTER {word} {old} ON {} RENAME TO {new}", object.table()?)
        }
        Kind::Comment | Kind::Privileges | Kind::DefaultPrivileges | Kind::Cast | Kind::Extension => {
            return None;
        }
        _ => format!("ALTER {word} {from} RENAME TO {new}"),
    })
}
