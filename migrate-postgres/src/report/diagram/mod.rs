//! The diagram of tables and foreign keys.

mod columns;
mod definition;
mod layout;
mod svg;

pub(super) use svg::drawing;

use crate::schema::catalog::{Catalog, Kind, Object};
use std::collections::HashMap;

/// The tables of a catalog, and the foreign keys between them.
///
/// # Examples
///
/// ```
/// use migrate_postgres::catalog::{Catalog, Kind, Object};
/// use migrate_postgres::report::Diagram;
///
/// let catalog = Catalog::of([
///     Object::new(Kind::Table, "app.nodes", "TABLE\ncolumn parent"),
///     Object::new(Kind::Column, "app.nodes.parent", "bigint").of("app.nodes"),
///     Object::new(Kind::Constraint, "app.nodes.up", "FOREIGN KEY (parent) REFERENCES app.nodes(id)").of("app.nodes"),
/// ]);
/// let diagram = Diagram::of(&catalog);
/// assert_eq!((diagram.foreign_keys[0].from, diagram.foreign_keys[0].to), (0, 0));
/// assert!(diagram.tables[0].columns[0].refers);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagram {
    /// The tables, sorted by name. Partitions are part of their parent table.
    pub tables: Vec<DiagramTable>,
    /// The foreign keys between them.
    pub foreign_keys: Vec<DiagramForeignKey>,
}

/// A table of a diagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiagramTable {
    /// The name with its schema, quoted where necessary.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<DiagramColumn>,
    /// The number of partitions, including partitions of partitions.
    pub partitions: usize,
}

/// A column of a diagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiagramColumn {
    /// The name, quoted where necessary.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// True if it may be null.
    pub is_nullable: bool,
    /// True if it is part of the primary key.
    pub is_primary: bool,
    /// True if it is part of a foreign key.
    pub refers: bool,
}

/// A foreign key of a diagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiagramForeignKey {
    /// The index of the referring table.
    pub from: usize,
    /// The referring columns.
    pub columns: Vec<String>,
    /// The index of the referenced table.
    pub to: usize,
    /// The referenced columns.
    pub referenced: Vec<String>,
}

impl Diagram {
    /// The diagram of a catalog's tables.
    pub fn of(catalog: &Catalog) -> Diagram {
        let all: Vec<&Object> = catalog
            .objects()
            .iter()
            .filter(|object| matches!(object.kind(), Kind::Table | Kind::ForeignTable))
            .collect();
        let parents: HashMap<&str, &str> = all
            .iter()
            .filter_map(|table| Some((table.identity(), definition::parent(table.definition())?)))
            .collect();
        let mut diagram = Diagram::default();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for table in all.iter().filter(|table| !parents.contains_key(table.identity())) {
            places.insert(table.identity(), diagram.tables.len());
            diagram
                .tables
                .push(DiagramTable { name: table.identity().to_owned(), ..DiagramTable::default() });
        }
        for partition in parents.keys() {
            if let Some(place) = places.get(root(&parents, partition)) {
                diagram.tables[*place].partitions += 1;
            }
        }
        for table in all {
            if let Some(place) = places.get(table.identity()) {
                diagram.tables[*place].columns = columns::of(catalog, table);
            }
        }
        diagram.add_constraints(catalog, &places);
        diagram
    }

    fn add_constraints(&mut self, catalog: &Catalog, places: &HashMap<&str, usize>) {
        let constraints = catalog.objects().iter().filter(|object| object.kind() == Kind::Constraint);
        for constraint in constraints {
            let Some(&from) = constraint.table().and_then(|table| places.get(table)) else { continue };
            if let Some(key) = definition::primary_key(constraint.definition()) {
                self.tables[from].mark(&key, |column| column.is_primary = true);
            }
            let Some(key) = definition::foreign_key(constraint.definition()) else { continue };
            self.tables[from].mark(&key.columns, |column| column.refers = true);
            // Partitions are not boxes, and neither are tables of other schemas if only one schema was read.
            let Some(&to) = places.get(key.table) else { continue };
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            let (columns, referenced) = (owned(key.columns), owned(key.referenced));
            self.foreign_keys.push(DiagramForeignKey { from, columns, to, referenced });
        }
    }

    /// The total number of columns.
    pub(super) fn columns(&self) -> usize {
        self.tables.iter().map(|table| table.columns.len()).sum()
    }
}

impl DiagramTable {
    fn mark(&mut self, names: &[&str], mark: impl Fn(&mut DiagramColumn)) {
        self.columns.iter_mut().filter(|column| names.contains(&column.name.as_str())).for_each(mark);
    }
}

/// The root table of a partition.
fn root<'p>(parents: &HashMap<&'p str, &'p str>, partition: &'p str) -> &'p str {
    let mut table = partition;
    while let Some(parent) = parents.get(table) {
        table = parent;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, definition: &str) -> Object {
        Object::new(Kind::Table, name, definition)
    }

    #[test]
    fn partitions_are_told_by_their_table_and_columns_keep_their_order() {
        let column = |name: &str, definition: &str| Object::new(Kind::Column, name, definition).of("s.p");
        let catalog = Catalog::of([
            table("s.p", "TABLE\ncolumn z\ncolumn a\nPARTITION BY RANGE (z)"),
            table(
                "s.p1",
                "TABLE\ncolumn z\nPARTITION OF s.p FOR VALUES FROM (1) TO (2)\nPARTITION BY LIST (a)",
            ),
            table("s.p1a", "TABLE\ncolumn z\nPARTITION OF s.p1 DEFAULT"),
            column("s.p.a", "text"),
            column("s.p.z", "bigint\nNOT NULL"),
            Object::new(Kind::Constraint, "s.p.key", "PRIMARY KEY (z)").of("s.p"),
            Object::new(Kind::Constraint, "s.p.far", "FOREIGN KEY (a) REFERENCES other.t(id)").of("s.p"),
        ]);
        let diagram = Diagram::of(&catalog);
        assert_eq!((diagram.tables.len(), diagram.tables[0].partitions), (1, 2));
        let [z, a] = &diagram.tables[0].columns[..] else { panic!("{diagram:?}") };
        assert_eq!(
            (z.name.as_str(), z.type_name.as_str(), z.is_nullable, z.is_primary),
            ("z", "bigint", false, true)
        );
        assert_eq!((a.name.as_str(), a.is_nullable, a.refers), ("a", true, true));
        assert!(diagram.foreign_keys.is_empty(), "the other table is not among them");
    }
}
