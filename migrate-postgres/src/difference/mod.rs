//! The difference between two schemas as SQL: the statements that turn one catalog into another.
//!
//! [`plan`] reads nothing and writes nothing: both catalogs come [from a server](crate::catalog::Catalog::read) with
//! their [dependencies](crate::catalog::Scope::with_dependencies), and the caller runs and proves the
//! statements. Reading the result must give the second catalog, with no difference from the plan's goal.
//!
//! ```
//! use migrate_postgres::catalog::Catalog;
//! use migrate_postgres::difference::plan;
//!
//! let empty = Catalog::default();
//! assert!(plan(&empty, &empty).steps.is_empty());
//! ```
//!
//! # The order
//!
//! First, everything in the way is dropped: the objects to replace, and those that depend on them. Then
//! objects are created and altered in the order of the new schema's dependencies. Statements that lose data,
//! such as the drop of a table or column, come last, with those that they need.

mod changes;
mod context;
mod drops;
mod graph;
mod kinds;
mod order;
mod plan;
mod rename;
mod scripts;
mod statement;
mod steps;

pub use plan::{SchemaAction, SchemaPhase, SchemaPlan, SchemaStep, Unwritten};
pub use rename::{RenameCandidate, rename};
pub use scripts::{PlanScript, PlanScripts};

use crate::objects::object::Catalog;

/// The statements that turn the schema `from` into the schema `to`.
pub fn plan(from: &Catalog, to: &Catalog) -> SchemaPlan {
    let changes = changes::Changes::between(from, to);
    let mut plan = steps::steps(&changes);
    plan.renames = rename::candidates(&changes);
    plan
}
