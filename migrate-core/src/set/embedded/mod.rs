//! Embedded migrations: how the macro passes a set to the compiler as literals.
//!
//! A thousand migrations, each an expression, cost the compiler most of a second, however small they are; one
//! byte literal costs next to nothing. So a migration is unpacked from those bytes on first access, and a
//! boot with nothing to do unpacks few.

mod packing;

pub use packing::Packing;

use crate::set::code::CodeFunctions;
use crate::set::companion::CompanionFile;
use crate::set::file_migration::FileMigration;
use crate::set::version::VersionOrder;
use std::fmt;
use std::sync::OnceLock;

/// The migrations of a set: the active ones in order, followed by those that others replace.
#[derive(Clone, Copy)]
pub struct Literals {
    /// How versions are ordered.
    pub order: VersionOrder,
    /// The texts of [`Packing::files`].
    pub files: &'static [&'static str],
    /// [`Packing::bytes`].
    pub packed: &'static [u8],
    /// The functions of the migrations in Rust, in the order of the packed ones.
    pub code: &'static [CodeFunctions],
    /// The files with assertions.
    pub assertions: &'static [CompanionFile],
    /// The files with seeds.
    pub seeds: &'static [CompanionFile],
}

/// A cell for a migration that is unpacked on first access.
pub type LazyMigration = OnceLock<FileMigration>;

/// A migration that has not been unpacked.
#[allow(clippy::declare_interior_mutable_const, reason = "it is what each of many statics begins as")]
pub const LAZY_MIGRATION: LazyMigration = OnceLock::new();

/// Migrations that are unpacked from their literals on first access.
#[derive(Clone, Copy)]
pub(crate) struct Embedded {
    literals: &'static Literals,
    /// The index of the first one among all packed migrations.
    first: usize,
    made: &'static [LazyMigration],
}

impl Embedded {
    /// Divides the migrations into the first `count` and the rest.
    pub(crate) const fn divided(
        literals: &'static Literals,
        made: &'static [LazyMigration],
        count: usize,
    ) -> (Embedded, Embedded) {
        let (those, others) = made.split_at(count);
        (Embedded { literals, first: 0, made: those }, Embedded { literals, first: count, made: others })
    }

    pub(crate) fn len(self) -> usize {
        self.made.len()
    }

    pub(crate) fn get(self, index: usize) -> Option<&'static FileMigration> {
        let made = self.made.get(index)?;
        Some(made.get_or_init(|| packing::unpack(self.literals, self.first + index)))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'static FileMigration> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

/// Shows the migrations and not the literals, whose texts contain passwords.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
