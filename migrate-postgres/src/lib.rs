//! Schema migrations for Rust services on PostgreSQL.

mod embed;

#[doc(hidden)]
pub use embed::__private;
pub use migrate_core::{Set, build};
