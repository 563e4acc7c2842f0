//! The two catalogs, as the kinds see them.

use super::graph::container;
use super::kinds::column::is_serial;
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::details::relation::{Column, Table};
use crate::objects::kind::Kind;
use crate::objects::object::{Catalog, Object};
use std::collections::BTreeSet;

/// The schemas, and the decisions about objects that depend on more than one kind.
#[derive(Debug)]
pub(super) struct Context<'c> {
    pub(super) from: &'c Catalog,
    pub(super) to: &'c Catalog,
    /// The objects to create.
    pub(super) created: BTreeSet<Key>,
    /// The objects to drop.
    pub(super) dropped: BTreeSet<Key>,
    /// Columns and constraints of new tables that can't stand in `CREATE TABLE`, since the objects that they
    /// need need the table.
    pub(super) apart: BTreeSet<Key>,
    /// Types and domains that are renamed until no column needs them, and then dropped.
    pub(super) replaced_types: BTreeSet<Key>,
    /// True if the server knows the privilege `MAINTAIN`, as those from PostgreSQL 17 on do.
    pub(super) knows_maintain: bool,
}

impl<'c> Context<'c> {
    pub(super) fn is_created(&self, key: &Key) -> bool {
        self.created.contains(key)
    }

    /// The new table that a new object is part of: in its `CREATE TABLE`, or made with it.
    pub(super) fn created_with(&self, object: &Object) -> Option<Key> {
        let table = container(self.to, object).filter(|table| self.is_created(table))?;
        let is_inline = match object.details()? {
            Details::Column(_) => true,
            Details::Constraint(constraint) => {
                let apart = constraint.form == "f" || self.apart.contains(&Key::of(object));
                !apart && !constraint.is_not_valid()
            }
            Details::Sequence(_) => self.serial_column(object).is_some(),
            _ => false,
        };
        (is_inline && table.kind.has_columns()).then_some(table)
    }

    /// The column of a new table that a new sequence comes with, as its type says: `bigserial`.
    pub(super) fn serial_column(&self, sequence: &Object) -> Option<&'c Object> {
        let Details::Sequence(details) = sequence.details()? else { return None };
        let column = self.to.find(Kind::Column, details.owned_by.as_deref()?)?;
        let is_new = self.is_created(&Key::of(column)) && self.is_created(&Key::of(sequence));
        let is_new = is_new && container(self.to, column).is_some_and(|table| self.is_created(&table));
        (is_new && is_serial(column, sequence)).then_some(column)
    }

    /// The columns of a table, in order.
    pub(super) fn columns(
        catalog: &'c Catalog,
        object: &Object,
        table: &Table,
    ) -> Vec<(&'c Object, &'c Column)> {
        let find = |name: &String| {
            let column = catalog.find(Kind::Column, &format!("{}.{name}", object.identity()))?;
            match column.details()? {
                Details::Column(details) => Some((column, details)),
                _ => None,
            }
        };
        table.columns.iter().filter_map(find).collect()
    }

    /// The role that creates objects.
    pub(super) fn reader(&self) -> Option<&'c str> {
        self.from.reader().or(self.to.reader())
    }

    /// The statements' word for the table of an object: `TABLE`, `FOREIGN TABLE`, `MATERIALIZED VIEW`.
    pub(super) fn table_word(&self, object: &Object) -> String {
        let table = container(self.to, object).or_else(|| container(self.from, object));
        table.map_or(Kind::Table, |table| table.kind).word().to_uppercase()
    }
}
