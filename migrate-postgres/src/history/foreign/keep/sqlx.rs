//! `_sqlx_migrations`, written as `sqlx-postgres/src/migrate.rs` does.

use super::{CLOCK, text};
use crate::history::{Checkpoint, Checkpoints, Entry, ForeignWriter};
use crate::sql::quote::quote_literal;
use migrate_core::history::foreign::Tool;
use migrate_core::history::foreign::sqlx::{checksum, description, execution_time};
use migrate_core::plan::Action;

#[derive(Debug)]
pub(super) struct Sqlx;

/// The nanoseconds since `installed_on`, for a row that was written in this transaction or before.
const NANOSECONDS: &str =
    "(extract(epoch FROM pg_catalog.clock_timestamp() - installed_on) * 1000000000)::int8";

impl Sqlx {
    fn row(entry: Entry<'_>, success: bool, execution_time: i64) -> String {
        let checksum: String = checksum(text(entry.step)).iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "INSERT INTO {} (version, description, installed_on, success, checksum, execution_time) \
             VALUES ({}, {}, {CLOCK}, {success}, '\\x{checksum}', {execution_time})",
            entry.table,
            entry.step.version.canonical(),
            quote_literal(&description(&entry.step.name))
        )
    }
}

impl ForeignWriter for Sqlx {
    fn columns(&self) -> &'static [&'static str] {
        &["version", "description", "installed_on", "success", "checksum", "execution_time"]
    }

    fn create(&self, table: &str) -> String {
        super::create(Tool::Sqlx, table)
    }

    /// sqlx's constant times the CRC-32 of the database's name. The server computes it here, bit by bit: only
    /// the server knows the name for certain.
    fn lock_key(&self) -> Option<String> {
        let key = "(WITH RECURSIVE name(bytes) AS (SELECT convert_to(current_database(), 'UTF8')), crc(bit, value) AS (\
             SELECT 0, 4294967295::int8 UNION ALL \
             SELECT bit + 1, (mixed >> 1) # (CASE WHEN mixed & 1 = 1 THEN 3988292384 ELSE 0 END) \
             FROM crc, name, LATERAL (SELECT CASE WHEN bit % 8 = 0 THEN value # get_byte(bytes, bit / 8) ELSE value END) m(mixed) \
             WHERE bit < 8 * length(bytes)) \
             SELECT 1026731422::int8 * (value # 4294967295) FROM crc ORDER BY bit DESC LIMIT 1)";
        Some(key.to_owned())
    }

    fn insert(&self, entry: Entry<'_>) -> String {
        Sqlx::row(entry, true, -1)
    }

    fn finish(&self, entry: Entry<'_>) -> String {
        let version = entry.step.version.canonical();
        if entry.step.action == Action::Mark {
            return "SELECT 0::float8".to_owned();
        }
        format!(
            "UPDATE {} SET execution_time = {NANOSECONDS} WHERE version = {version} \
             RETURNING execution_time::float8 / 1000000000",
            entry.table
        )
    }

    fn delete(&self, entry: Entry<'_>) -> String {
        let unfinished = if entry.step.settles.is_some_and(|settled| !settled.reverting) {
            " AND NOT success"
        } else {
            ""
        };
        format!("DELETE FROM {} WHERE version = {}{unfinished}", entry.table, entry.step.version.canonical())
    }

    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        Some(self)
    }
}

impl Checkpoints for Sqlx {
    fn claim(&self, entry: Entry<'_>) -> String {
        Sqlx::row(entry, false, execution_time(0, false))
    }

    fn row(&self, entry: Entry<'_>) -> String {
        format!("version = {} AND NOT success", entry.step.version.canonical())
    }

    fn move_to(&self, entry: Entry<'_>, from: Option<Checkpoint>, to: Checkpoint) -> String {
        let is_at = |from: Checkpoint| format!("execution_time = {}", execution_time(from.done, from.failed));
        let condition = from.map_or_else(|| "true".to_owned(), is_at);
        format!(
            "UPDATE {} SET execution_time = {}, checksum = CASE WHEN {condition} THEN checksum END WHERE {}",
            entry.table,
            execution_time(to.done, to.failed),
            self.row(entry)
        )
    }

    fn complete(&self, entry: Entry<'_>) -> Vec<String> {
        vec![format!(
            "UPDATE {} SET success = true, execution_time = {NANOSECONDS} WHERE {} \
             RETURNING execution_time::float8 / 1000000000",
            entry.table,
            self.row(entry)
        )]
    }
}
