//! goose: `goose_db_version`.
//!
//! After `internal/dialect/dialectquery/postgres.go` and `database/store.go`: a row 0 comes first, and the newest row of a version counts.
//! Old releases write a row `is_applied = false` for a revert, newer ones delete the row.

use super::{Found, FoundState};
use std::time::SystemTime;

/// A row of `goose_db_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `version_id`.
    pub version_id: i64,
    /// `is_applied`.
    pub is_applied: bool,
    /// `tstamp`.
    pub tstamp: Option<SystemTime>,
}

/// What rows say, given in the order of `id`.
pub fn found(rows: impl IntoIterator<Item = Row>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for row in rows.into_iter().filter(|row| row.version_id != 0) {
        let version = row.version_id.to_string();
        found.retain(|earlier| earlier.version != version);
        let state = if row.is_applied { FoundState::Applied } else { FoundState::Reverted };
        found.push(Found { at: row.tstamp, ..Found::applied(version).in_state(state) });
    }
    found
}
