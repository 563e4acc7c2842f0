//! `refinery_schema_history`, written as `refinery_core/src/traits/mod.rs` does.

use super::text;
use crate::history::{Entry, ForeignWriter};
use crate::sql::quote::quote_literal;
use migrate_core::history::foreign::Tool;
use migrate_core::history::foreign::refinery::{checksums, name_and_version};

#[derive(Debug)]
pub(super) struct Refinery;

/// RFC 3339, the format that refinery reads.
const RFC_3339: &str = "pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

impl ForeignWriter for Refinery {
    fn columns(&self) -> &'static [&'static str] {
        &["version", "name", "applied_on", "checksum"]
    }

    fn create(&self, table: &str) -> String {
        super::create(Tool::Refinery, table)
    }

    fn insert(&self, entry: Entry<'_>) -> String {
        let (name, version) = name_and_version(&entry.step.name).unwrap_or((&entry.step.name, 0));
        let [of_32, of_64] = checksums(name, version, text(entry.step));
        let checksum =
            |checksum: Option<u64>| quote_literal(&checksum.or(of_64).unwrap_or_default().to_string());
        // The checksum depends on the width of refinery's versions, which the table shows.
        format!(
            "INSERT INTO {table} (version, name, applied_on, checksum) VALUES ({version}, {name}, {RFC_3339}, \
             CASE WHEN (SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = {regclass}::regclass \
             AND attname = 'version') = 'int8'::regtype THEN {of_64} ELSE {of_32} END)",
            table = entry.table,
            name = quote_literal(name),
            regclass = quote_literal(entry.table),
            of_64 = checksum(of_64),
            of_32 = checksum(of_32),
        )
    }

    fn finish(&self, entry: Entry<'_>) -> String {
        format!(
            "SELECT (SELECT extract(epoch FROM pg_catalog.clock_timestamp() - applied_on::timestamptz)::float8 FROM {} \
             WHERE version = {})",
            entry.table,
            entry.step.version.canonical()
        )
    }

    fn delete(&self, entry: Entry<'_>) -> String {
        format!("DELETE FROM {} WHERE version = {}", entry.table, entry.step.version.canonical())
    }
}
