//! Migrations as literals: how a macro hands a set of them to the compiler.
//!
//! To a compiler, a thousand migrations that are an expression each are most of a second's work, however small each one is. Tables of
//! literals are next to none, and one constant function makes migrations of them. What is rare (a script with options or
//! placeholders) is an expression all the same, and put in its place.

use crate::checksum::Checksum;
use crate::migration::{Migration as _, SqlMigration};
use crate::options::Options;
use crate::script::Script;
use crate::version::{Version, VersionOrder};
use std::mem::{forget, replace};

/// Migrations that can be literals, in order; the others are left out.
#[derive(Clone, Debug, Default)]
pub struct PackedMigrations<'m> {
    /// Place, version and name of each, and which scripts it has.
    pub rows: Vec<(usize, &'m str, &'m str, u8)>,
    /// The checksums, 32 bytes each.
    pub checksums: Vec<u8>,
    /// The scripts of all of them, one after the other.
    pub scripts: Vec<&'m Script>,
}

const DOWN: u8 = 1;
const VERIFY: u8 = 2;

impl<'m> PackedMigrations<'m> {
    /// Adds a migration; `false` where it takes more than literals.
    pub fn push(&mut self, place: usize, migration: &'m SqlMigration) -> bool {
        let scripts = [Some(migration.up_script()), migration.down_script(), migration.verify_script()];
        let is_plain =
            |script: &Script| *script.options() == Options::NONE && script.placeholders().is_empty();
        if !scripts.iter().flatten().all(|script| is_plain(script)) {
            return false;
        }
        let bits = scripts[1..]
            .iter()
            .zip([DOWN, VERIFY])
            .map(|(script, bit)| if script.is_some() { bit } else { 0 });
        match migration.checksum() {
            Checksum::Sha256(checksum) => self.checksums.extend(checksum),
            #[allow(unreachable_patterns, reason = "with other tools' histories there are other checksums")]
            _ => return false,
        }
        self.rows.push((place, migration.version().as_written(), migration.name(), bits.sum()));
        self.scripts.extend(scripts.iter().flatten());
        true
    }
}

/// Path, text of the file, packed statements, and for a half of the file where it begins and ends and its line, else 0.
pub type ScriptRow = (&'static str, &'static str, &'static [u8], usize, usize, u32);

/// [`PackedMigrations`] as literals.
#[derive(Clone, Copy, Debug)]
pub struct Literals {
    /// How versions are ordered.
    pub order: VersionOrder,
    /// [`PackedMigrations::rows`].
    pub rows: &'static [(usize, &'static str, &'static str, u8)],
    /// [`PackedMigrations::checksums`].
    pub checksums: &'static [u8],
    /// [`PackedMigrations::scripts`].
    pub scripts: &'static [ScriptRow],
}

/// What stands in a place that is still free.
const FREE: SqlMigration = SqlMigration::from_static(
    Version::from_static("", VersionOrder::Numeric),
    "",
    [0; 32],
    Script::from_static("", "", &[], Options::NONE),
    None,
    None,
);

/// The migrations of [`PackedMigrations`], among `N` places.
///
/// # Panics
///
/// When the literals do not fit together; in a constant, that is an error of the build.
pub const fn unpack<const N: usize>(literals: Literals) -> [SqlMigration; N] {
    let mut migrations = [FREE; N];
    let Literals { order, mut rows, mut checksums, mut scripts } = literals;
    while let [(place, version, name, has), others @ ..] = rows {
        rows = others;
        let Some((checksum, others)) = checksums.split_first_chunk() else { panic!("a checksum is missing") };
        checksums = others;
        let version = Version::from_static(version, order);
        let up = next(&mut scripts);
        let down = if *has & DOWN > 0 { Some(next(&mut scripts)) } else { None };
        let verify = if *has & VERIFY > 0 { Some(next(&mut scripts)) } else { None };
        put(&mut migrations, *place, SqlMigration::from_static(version, name, *checksum, up, down, verify));
    }
    assert!(scripts.is_empty(), "each script is a migration's");
    migrations
}

const fn next(scripts: &mut &'static [ScriptRow]) -> Script {
    let [(path, file, statements, start, end, line), others @ ..] = *scripts else {
        panic!("a script is missing")
    };
    *scripts = others;
    // No line is 0.
    let part = if *line == 0 { None } else { Some((*start, *end, *line)) };
    Script::from_packed(path, file, part, statements, Options::NONE, &[])
}

/// Puts a migration in a place that is free.
pub const fn put<const N: usize>(migrations: &mut [SqlMigration; N], place: usize, migration: SqlMigration) {
    // A constant can't drop anything, and what stood there owns nothing.
    forget(replace(&mut migrations[place], migration));
}
