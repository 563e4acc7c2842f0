//! The schema of a database: its catalog, its drift, and scratch databases to compare with.

pub mod catalog;
pub mod drift;
pub(crate) mod scratch;
