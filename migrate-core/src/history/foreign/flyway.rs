//! Flyway: `flyway_schema_history`.
//!
//! Follows `flyway-core/src/main/java/org/flywaydb/core/internal/resolver/ChecksumCalculator.java` and
//! `org/flywaydb/core/internal/info/MigrationInfoServiceImpl.java`.

use super::crc32::Crc32;
use super::{ForeignMigration, ForeignMigrationState, ToolChecksum};
use std::time::{Duration, SystemTime};

/// A row of `flyway_schema_history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlywayRow {
    /// `version`; `None` for a repeatable migration.
    pub version: Option<String>,
    /// `description`.
    pub description: String,
    /// `type`: `SQL`, `BASELINE`, `SCHEMA`, `DELETE`, `UNDO_SQL`, `JDBC`, ….
    pub kind: String,
    /// `checksum`.
    pub checksum: Option<i32>,
    /// `installed_on`.
    pub installed_on: SystemTime,
    /// `execution_time` in milliseconds.
    pub execution_time: i32,
    /// `success`.
    pub success: bool,
}

/// Interprets the rows, in the order of `installed_rank`: the last row of each version counts, or of each
/// description if there is no version.
///
/// `<< Flyway Schema Creation >>` is not a migration; `<< Flyway Baseline >>` covers everything up to its
/// version; a deleted or undone migration counts as not applied.
pub fn found(rows: impl IntoIterator<Item = FlywayRow>) -> Vec<ForeignMigration> {
    let mut found: Vec<ForeignMigration> = Vec::new();
    for row in rows.into_iter().filter(|row| row.kind != "SCHEMA") {
        let state = match &*row.kind {
            _ if !row.success => ForeignMigrationState::Failed { logs: None },
            "BASELINE" | "SQL_BASELINE" | "SCRIPT_BASELINE" | "JDBC_BASELINE" => {
                ForeignMigrationState::AppliedUpTo
            }
            "DELETE" => ForeignMigrationState::Reverted,
            kind if kind.starts_with("UNDO_") => ForeignMigrationState::Reverted,
            _ => ForeignMigrationState::Applied,
        };
        let checksum = row.checksum.filter(|_| state == ForeignMigrationState::Applied);
        let version = row.version.unwrap_or_else(|| repeatable(&row.description));
        let next = ForeignMigration {
            version,
            name: Some(row.description),
            checksum: checksum.map(ToolChecksum::Flyway),
            at: Some(row.installed_on),
            took: u64::try_from(row.execution_time).ok().map(Duration::from_millis),
            state,
        };
        match found.iter().position(|earlier| earlier.version == next.version) {
            Some(earlier) => {
                found.remove(earlier);
                found.push(next);
            }
            None => found.push(next),
        }
    }
    found
}

/// The version of a repeatable migration: the name of its file, in which Flyway's description has spaces for
/// underscores.
fn repeatable(description: &str) -> String {
    format!("R__{}", description.replace(' ', "_"))
}

/// Flyway's checksum of a text: CRC32 over its lines without line endings, and without a byte order mark.
pub fn checksum(text: &str) -> i32 {
    let mut crc = Crc32::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Java's BufferedReader ends a line at \n, at \r, and at the pair.
    text.split(['\n', '\r']).for_each(|line| crc.update(line.as_bytes()));
    crc.value().cast_signed()
}
