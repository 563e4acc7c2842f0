//! The difference of two schemas as SQL: the statements that turn one catalog into another.
//!
//! [`plan`] reads nothing and writes nothing: both catalogs come [from a server](crate::catalog::Catalog::read) with
//! their [dependencies](crate::catalog::Scope::with_dependencies), and the statements are for the caller to run and to
//! prove. Reading the result must give the second catalog: its differences from the plan's goal must be none.
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
//! First all that is in the way is dropped: what is replaced, and what depends on it. Then objects are created and
//! altered in the order of the new schema's dependencies. What loses data, such as a dropped table or column, comes
//! last, with what it needs.

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
