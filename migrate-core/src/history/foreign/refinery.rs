//! refinery: `refinery_schema_history`.
//!
//! After `refinery_core/src/{runner,util}.rs` and `traits/mod.rs`, version 0.10.

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
    /// `applied_on`, as far as it is a time.
    pub applied_on: Option<SystemTime>,
    /// `checksum`, as far as it is a number.
    pub checksum: Option<u64>,
}

/// What a row says.
pub fn found(row: RefineryRow) -> ForeignMigration {
    ForeignMigration {
        name: Some(row.name),
        checksum: row.checksum.map(ToolChecksum::Refinery),
        at: row.applied_on,
        ..ForeignMigration::applied(row.version.to_string())
    }
}

/// The name and the version that refinery reads from a file's name without its ending: `V1__initial`, and from a plain
/// `1_initial` too, for a directory that was renamed.
pub fn name_and_version(stem: &str) -> Option<(&str, i64)> {
    let rest = stem.strip_prefix(['V', 'U']).unwrap_or(stem);
    let (version, name) = rest.split_once("__").or_else(|| rest.split_once('_'))?;
    Some((name, version.parse().ok()?))
}

/// The checksums that refinery may have written: with versions of 32 bits, where the version fits, and of 64 bits, which is a feature of
/// its.
#[cfg(feature = "histories")]
pub fn checksums(name: &str, version: i64, text: &str) -> [Option<u64>; 2] {
    let of_32 = i32::try_from(version).ok().map(|version| checksum(name, version, text));
    [of_32, Some(checksum(name, version, text))]
}

/// SipHash-1-3 with a key of zeros, as Rust hashes a text, a number and a text.
#[cfg(feature = "histories")]
pub fn checksum(name: &str, version: impl Hash, text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    name.hash(&mut hasher);
    version.hash(&mut hasher);
    text.hash(&mut hasher);
    hasher.finish()
}
