//! The columns of a table.

use super::{DiagramColumn, definition};
use crate::schema::catalog::{Catalog, Kind, Object};

/// The columns of a table, in their order.
pub(super) fn of(catalog: &Catalog, table: &Object) -> Vec<DiagramColumn> {
    definition::columns(table.definition())
        .filter_map(|name| {
            let column = catalog.find(Kind::Column, &format!("{}.{name}", table.identity()))?;
            let mut lines = column.definition().lines();
            Some(DiagramColumn {
                name: name.to_owned(),
                type_name: lines.next().unwrap_or_default().to_owned(),
                is_nullable: !lines.any(|line| line.starts_with("NOT NULL")),
                ..DiagramColumn::default()
            })
        })
        .collect()
}
