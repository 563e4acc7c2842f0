//! refinery: `refinery_schema_history`.
//!
//! Follows `refinery_core/src/{runner,util}.rs` and `traits/mod.rs`, version 0.10.

use super::{ForeignMigration, ToolChecksum};
#[cfg(feature = "histories")]
use siphasher::sip::SipHasher13;
#[cfg(feature = "histories")]
use std::hash::{Hash, Hasher};
use std::time::SystemTime;

/// A row of `refinery_schema_history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefineryRow {
    /// `version`.
    pub version: i64,
    /// `name`, without the version.
    pub name: String,
    /// `applied_on`, if it is a valid time.
    pub applied_on: Option<SystemTime>,
    /// `checksum`, if it is a valid number.
    pub checksum: Option<u64>,
}

/// Interprets a row.
pub fn found(row: RefineryRow) -> ForeignMigration {
    ForeignMigration {
        name: Some(row.name),
        checksum: row.checksum.map(ToolChecksum::Refinery),
        at: row.applied_on,
        ..ForeignMigration::applied(row.version.to_string())
    }
}

/// The name and the version that refinery reads from a file name without its ending: from `V1__initial`, and
/// also from a plain `1_initial`, for a directory that was renamed.
pub fn name_and_version(stem: &str) -> Option<(&str, i64)> {
    let rest = stem.strip_prefix(['V', 'U']).unwrap_or(stem);
    let (version, name) = rest.split_once("__").or_else(|| rest.split_once('_'))?;
    Some((name, version.parse().ok()?))
}

/// The checksums that refinery may have written: with 32-bit versions, if the version fits, and with 64-bit
/// versions, which are one of its features.
#[cfg(feature = "histories")]
pub fn checksums(name: &str, version: i64, text: &str) -> [Option<u64>; 2] {
    let of_32 = i32::try_from(version).ok().map(|version| checksum(name, version, text));
    [of_32, Some(checksum(name, version, text))]
}

/// SipHash-1-3 with a zero key, over a string, a number and a string as Rust hashes them.
#[cfg(feature = "histories")]
pub fn checksum(name: &str, version: impl Hash, text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    name.hash(&mut hasher);
    version.hash(&mut hasher);
    text.hash(&mut hasher);
    hasher.finish()
}
