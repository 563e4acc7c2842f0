//! Migrations as literals: how a macro hands a set of them to the compiler.
//!
//! To a compiler, a thousand migrations that are an expression each are most of a second's work, however small each one is; tables of
//! literals are next to none. So a migration is made of its literals when it is first looked at: a boot with nothing to do makes few.

use crate::migration::{Migration as _, SqlMigration};
use crate::options::Options;
use crate::placeholder::Placeholder;
use crate::script::Script;
use crate::version::{Version, VersionOrder};
use std::fmt;
use std::sync::OnceLock;

/// Version, name, the place of its first script among all scripts, and which others it has.
pub type MigrationRow = (&'static str, &'static str, usize, u8);

/// Path, text of the file, packed statements; for a half of the file where it begins and ends and its line, else 0; options as a
/// header has them; placeholders.
pub type ScriptRow =
    (&'static str, &'static str, &'static [u8], usize, usize, u32, &'static str, &'static [PlaceholderRow]);

/// Where it begins and ends, its name, and whether it stands in a body.
pub type PlaceholderRow = (usize, usize, &'static str, bool);

const DOWN: u8 = 1;
const VERIFY: u8 = 2;

/// The migrations of a set in tables: those that count, in order, and behind them those that others replace.
#[derive(Clone, Copy)]
pub struct Literals {
    /// How versions are ordered.
    pub order: VersionOrder,
    /// The migrations.
    pub migrations: &'static [MigrationRow],
    /// Their checksums, 32 bytes each.
    pub checksums: &'static [u8],
    /// Their scripts: of each the up script, and behind it the down and the verify script if it has them.
    pub scripts: &'static [ScriptRow],
}

/// A migration that has been looked at.
pub type Made = OnceLock<SqlMigration>;

/// A migration that has not been looked at.
#[allow(clippy::declare_interior_mutable_const, reason = "it is what each of many statics begins as")]
pub const UNMADE: Made = OnceLock::new();

/// What the tables are made of.
#[derive(Clone, Debug, Default)]
pub struct Tables<'m> {
    /// Version, name, the place of the first script, and which others there are.
    pub migrations: Vec<(&'m str, &'m str, usize, u8)>,
    /// The checksums, 32 bytes each.
    pub checksums: Vec<u8>,
    /// The scripts of all of them, one after the other.
    pub scripts: Vec<&'m Script>,
}

impl<'m> Tables<'m> {
    /// The tables of some migrations.
    pub fn of(migrations: impl IntoIterator<Item = &'m SqlMigration>) -> Tables<'m> {
        let mut tables = Tables::default();
        migrations.into_iter().for_each(|migration| tables.push(migration));
        tables
    }

    fn push(&mut self, migration: &'m SqlMigration) {
        self.checksums.extend(migration.checksum().bytes());
        let others = [(migration.down_script(), DOWN), (migration.verify_script(), VERIFY)];
        let has = others.iter().filter(|(script, _)| script.is_some()).map(|(_, bit)| bit).sum();
        let row = (migration.version().as_written(), migration.name(), self.scripts.len(), has);
        self.migrations.push(row);
        self.scripts.push(migration.up_script());
        self.scripts.extend(others.into_iter().filter_map(|(script, _)| script));
    }
}

impl Literals {
    /// Makes a migration.
    fn migration(&self, index: usize) -> SqlMigration {
        let (version, name, script, has) = self.migrations[index];
        let checksum = *self.checksums.as_chunks().0.get(index).expect("each migration has a checksum");
        let mut others = script + 1..;
        let mut other =
            |bit| (has & bit > 0).then(|| self.script(others.next().expect("there is always a next number")));
        let (down, verify) = (other(DOWN), other(VERIFY));
        let version = Version::new(version, self.order);
        SqlMigration::from_static(version, name, checksum, self.script(script), down, verify)
    }

    fn script(&self, index: usize) -> Script {
        let (path, file, statements, start, end, line, options, placeholders) = self.scripts[index];
        // No line is 0.
        let part = (line > 0).then_some((start..end, line));
        let options = if options.is_empty() { Options::NONE } else { Options::of_words(options) };
        let placeholders = placeholders
            .iter()
            .map(|(start, end, name, in_body)| Placeholder::from_static(*start..*end, name, *in_body));
        Script::from_static(path, file, part, statements, options, placeholders.collect())
    }
}

/// Migrations that are made of their literals when they are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Embedded {
    literals: &'static Literals,
    /// The place of the first of them in the tables.
    first: usize,
    made: &'static [Made],
}

impl Embedded {
    /// The first `count` migrations of the tables, and the others.
    pub(crate) const fn divided(
        literals: &'static Literals,
        made: &'static [Made],
        count: usize,
    ) -> (Embedded, Embedded) {
        let (those, others) = made.split_at(count);
        (Embedded { literals, first: 0, made: those }, Embedded { literals, first: count, made: others })
    }

    pub(crate) fn len(self) -> usize {
        self.made.len()
    }

    pub(crate) fn get(self, index: usize) -> Option<&'static SqlMigration> {
        let made = self.made.get(index)?;
        Some(made.get_or_init(|| self.literals.migration(self.first + index)))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'static SqlMigration> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

/// As the migrations show themselves: the literals have texts with passwords.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
