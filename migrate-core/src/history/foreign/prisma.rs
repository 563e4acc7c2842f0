//! Prisma Migrate, up to version 7: `_prisma_migrations`.
//!
//! Follows `schema-engine/connectors/schema-connector/src/{checksum,migration_persistence}.rs` and
//! `schema-engine/connectors/sql-schema-connector/src/sql_migration_persistence.rs` of prisma-engines.

use super::{ForeignMigration, ForeignMigrationState, ToolChecksum};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::SystemTime;

/// A row of `_prisma_migrations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrismaRow {
    /// `checksum`.
    pub checksum: String,
    /// `finished_at`.
    pub finished_at: Option<SystemTime>,
    /// `migration_name`, the name of the folder.
    pub migration_name: String,
    /// `logs`.
    pub logs: Option<String>,
    /// `rolled_back_at`.
    pub rolled_back_at: Option<SystemTime>,
    /// `started_at`.
    pub started_at: SystemTime,
    /// `applied_steps_count`.
    pub applied_steps_count: i32,
}

/// The prefix of `logs` in a table that this library uses as its history, for a migration that runs statement
/// by statement. Prisma considers it failed, and `applied_steps_count` holds the number of finished
/// statements.
pub const UNFINISHED: &str = "migrate-postgres: unfinished";

/// The same prefix if the server answered the next statement with an error.
pub const STOPPED: &str = "migrate-postgres: stopped";

/// Interprets the rows, in the order of `started_at`. A migration may have several; a row that was rolled
/// back does not count.
pub fn found(rows: impl IntoIterator<Item = PrismaRow>) -> Vec<ForeignMigration> {
    let mut found: Vec<ForeignMigration> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let state = match (row.rolled_back_at, row.finished_at) {
            (Some(_), _) => ForeignMigrationState::Reverted,
            (None, Some(_)) => ForeignMigrationState::Applied,
            (None, None) => unfinished(row.logs, row.applied_steps_count),
        };
        let took = row.finished_at.and_then(|end| end.duration_since(row.started_at).ok());
        let next = ForeignMigration {
            version: row.migration_name.clone(),
            name: Some(row.migration_name),
            checksum: Some(ToolChecksum::Prisma(row.checksum)),
            at: Some(row.started_at),
            took,
            state,
        };
        match places.get(&next.version) {
            // A failed attempt blocks a deployment even if a later one succeeded. A rolled back attempt hides
            // nothing.
            Some(place) if next.state != ForeignMigrationState::Reverted && !is_failed(&found[*place]) => {
                found[*place] = next;
            }
            Some(_) => {}
            None => {
                places.insert(next.version.clone(), found.len());
                found.push(next);
            }
        }
    }
    found
}

fn unfinished(logs: Option<String>, steps: i32) -> ForeignMigrationState {
    let begins = |mark| logs.as_deref().is_some_and(|logs| logs.starts_with(mark));
    let statements_done = usize::try_from(steps).unwrap_or_default();
    if begins(UNFINISHED) || begins(STOPPED) {
        return ForeignMigrationState::Interrupted { statements_done, failed: begins(STOPPED) };
    }
    ForeignMigrationState::Failed { logs: logs.filter(|logs| !logs.trim().is_empty()) }
}

fn is_failed(found: &ForeignMigration) -> bool {
    matches!(found.state, ForeignMigrationState::Failed { .. } | ForeignMigrationState::Interrupted { .. })
}

/// Prisma's checksum of a text.
pub fn checksum(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns true if Prisma accepts a checksum for a text: with the text as it is, or with the line endings of
/// another system. Old versions wrote bytes below 16 without the leading zero.
pub(super) fn is_checksum_of(checksum: &str, text: &str) -> bool {
    super::spellings(text).any(|text| {
        let bytes = Sha256::digest(text.as_bytes());
        let padded: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        padded == checksum || (checksum.len() < 64 && unpadded(&bytes) == checksum)
    })
}

fn unpadded(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:x}")).collect()
}
