//! sqlx: `_sqlx_migrations`.
//!
//! Follows `sqlx-core/src/migrate/{migration,source}.rs` and `sqlx-postgres/src/migrate.rs`, version 0.9.

use super::crc32::Crc32;
use super::{ForeignMigration, ForeignMigrationState, ToolChecksum};
use sha2::{Digest, Sha384};
use std::time::{Duration, SystemTime};

/// A row of `_sqlx_migrations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlxRow {
    /// `version`.
    pub version: i64,
    /// `description`.
    pub description: String,
    /// `installed_on`, the time of the transaction.
    pub installed_on: SystemTime,
    /// `success`.
    pub success: bool,
    /// `checksum`.
    pub checksum: Vec<u8>,
    /// `execution_time` in nanoseconds; −1 if it was not written.
    pub execution_time: i64,
}

/// Interprets a row.
pub fn found(row: SqlxRow) -> ForeignMigration {
    ForeignMigration {
        version: row.version.to_string(),
        name: Some(row.description),
        checksum: Some(ToolChecksum::Sqlx(row.checksum)),
        at: Some(row.installed_on),
        took: u64::try_from(row.execution_time).ok().map(Duration::from_nanos),
        state: match checkpoint(row.execution_time) {
            _ if row.success => ForeignMigrationState::Applied,
            Some((statements_done, failed)) => ForeignMigrationState::Interrupted { statements_done, failed },
            None => ForeignMigrationState::Failed { logs: None },
        },
    }
}

/// Encodes a checkpoint as a duration, for a row without success in a table that this library uses as its
/// history: the number of finished statements, and whether the server answered the next one with an error.
/// sqlx considers the migration failed.
pub fn execution_time(statements_done: usize, failed: bool) -> i64 {
    -2 - 2 * i64::try_from(statements_done).unwrap_or(i64::MAX / 4) - i64::from(failed)
}

/// Decodes a checkpoint; the inverse of [`execution_time`].
fn checkpoint(execution_time: i64) -> Option<(usize, bool)> {
    let sum = execution_time.checked_add(2).and_then(i64::checked_neg).filter(|sum| *sum >= 0)?;
    Some((usize::try_from(sum / 2).ok()?, sum % 2 == 1))
}

/// sqlx's checksum of a text.
pub fn checksum(text: &str) -> [u8; 48] {
    Sha384::digest(text).into()
}

/// sqlx's description of a migration with this name: the part after the version, without `.up`, and with
/// spaces for underscores.
pub fn description(name: &str) -> String {
    name.split_once('_').map_or(name, |(_, description)| description).replace('_', " ")
}

/// The key of the advisory lock that sqlx takes in a database: a constant times the CRC-32 of the database's
/// name.
pub fn lock_key(database: &str) -> i64 {
    let mut crc = Crc32::default();
    crc.update(database.as_bytes());
    0x3d32_ad9e * i64::from(crc.value())
}
