//! Dependencies, from the ids of `pg_depend` to the objects of a catalog.

use crate::objects::dependency::{Dependency, Key};
use crate::objects::kind::Kind;
use std::collections::HashMap;
use tokio_postgres::Row;

/// An object in the catalogs of the server: the catalog, the object's id in it, and the number of a column.
type Address = (u32, u32, i32);

/// A row of `pg_depend`.
struct Edge {
    dependent: Address,
    on: Address,
    is_automatic: bool,
    of_expression: bool,
    is_part: bool,
}

impl Edge {
    fn of(row: &Row) -> Edge {
        Edge {
            dependent: (row.get(0), row.get(1), row.get(2)),
            on: (row.get(3), row.get(4), row.get(5)),
            is_automatic: row.get(6),
            of_expression: row.get(7),
            is_part: row.get(8),
        }
    }
}

/// The objects by their addresses, and the object that each other address is part of.
struct Known {
    keys: HashMap<Address, Key>,
    wholes: HashMap<Address, Address>,
}

/// The greatest number of steps from a part to the object that it is part of: an array's element type is the row
/// type of a table.
const STEPS: usize = 8;

impl Known {
    /// The object at an address, or the one that it is part of.
    fn find(&self, mut address: Address) -> Option<&Key> {
        for _ in 0..STEPS {
            let (class, id, _) = address;
            let key = self.keys.get(&address).or_else(|| self.keys.get(&(class, id, 0)));
            if key.is_some() {
                return key;
            }
            address = *self.wholes.get(&(class, id, 0))?;
        }
        None
    }
}

/// The dependencies between the objects of these rows.
pub(super) fn resolve(objects: &[Row], edges: &[Row]) -> Vec<Dependency> {
    let keys = objects.iter().filter_map(|row| {
        let address: Address = (row.get(4), row.get(5), row.get(6));
        let kind = Kind::of_word(row.get(0)).filter(|_| address.1 != 0)?;
        Some((address, Key::new(kind, row.get::<_, String>(1))))
    });
    let edges: Vec<Edge> = edges.iter().map(Edge::of).collect();
    let parts = edges.iter().filter(|edge| edge.is_part && edge.dependent != edge.on);
    let wholes = parts.map(|edge| ((edge.dependent.0, edge.dependent.1, 0), edge.on)).collect();
    let known = Known { keys: keys.collect(), wholes };
    edges.iter().filter_map(|edge| dependency(&known, edge)).collect()
}

fn dependency(known: &Known, edge: &Edge) -> Option<Dependency> {
    let (dependent, on) = (known.find(edge.dependent)?, known.find(edge.on)?);
    (dependent != on).then(|| Dependency {
        dependent: dependent.clone(),
        on: on.clone(),
        is_automatic: edge.is_automatic,
        of_expression: edge.of_expression,
    })
}
