//! goose: `goose_db_version`.
//!
//! Follows `internal/dialect/dialectquery/postgres.go` and `database/store.go`: a row 0 comes first, and the
//! newest row of a version counts. Old releases write a row `is_applied = false` for a revert, newer ones
//! delete the row.

use super::{ForeignMigration, ForeignMigrationState};
use std::time::SystemTime;

/// A row of `goose_db_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GooseRow {
    /// `version_id`.
    pub version_id: i64,
    /// `is_applied`.
    pub is_applied: bool,
    /// `tstamp`.
    pub tstamp: Option<SystemTime>,
}

/// Interprets the rows, in the order of `id`.
pub fn found(rows: impl IntoIterator<Item = GooseRow>) -> Vec<ForeignMigration> {
    let mut found: Vec<ForeignMigration> = Vec::new();
    for row in rows.into_iter().filter(|row| row.version_id != 0) {
        let version = row.version_id.to_string();
        found.retain(|earlier| earlier.version != version);
        let state =
            if row.is_applied { ForeignMigrationState::Applied } else { ForeignMigrationState::Reverted };
        found.push(ForeignMigration { at: row.tstamp, ..ForeignMigration::applied(version).in_state(state) });
    }
    found
}
