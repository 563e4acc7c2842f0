//! `__diesel_schema_migrations`, written as `diesel_migrations/src/migration_harness.rs` does.

use super::{CLOCK, version};
use crate::history::{Entry, ForeignWriter};
use migrate_core::history::foreign::Tool;

#[derive(Debug)]
pub(super) struct Diesel;

impl ForeignWriter for Diesel {
    fn columns(&self) -> &'static [&'static str] {
        &["version", "run_on"]
    }

    fn create(&self, table: &str) -> String {
        super::create(Tool::Diesel, table)
    }

    fn insert(&self, entry: Entry<'_>) -> String {
        format!("INSERT INTO {} (version, run_on) VALUES ({}, {CLOCK})", entry.table, version(entry.step))
    }

    fn finish(&self, entry: Entry<'_>) -> String {
        format!(
            "SELECT (SELECT extract(epoch FROM {CLOCK} - run_on::timestamptz)::float8 FROM {} WHERE version = {})",
            entry.table,
            version(entry.step)
        )
    }

    fn delete(&self, entry: Entry<'_>) -> String {
        format!("DELETE FROM {} WHERE version = {}", entry.table, version(entry.step))
    }
}
