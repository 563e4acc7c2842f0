//! Migrations as literals: how a macro hands a set of them to the compiler.
//!
//! To a compiler, a thousand migrations that are an expression each are most of a second's work, however small each one is; one
//! literal of bytes is next to none. So a migration is made of those bytes when it is first looked at: a boot with nothing to do
//! makes few.

mod packing;

pub use packing::Packing;

use crate::set::migration::SqlMigration;
use crate::set::version::VersionOrder;
use std::fmt;
use std::sync::OnceLock;

/// The migrations of a set: those that count, in order, and behind them those that others replace.
#[derive(Clone, Copy)]
pub struct Literals {
    /// How versions are ordered.
    pub order: VersionOrder,
    /// The texts of [`Packing::files`].
    pub files: &'static [&'static str],
    /// [`Packing::bytes`].
    pub packed: &'static [u8],
}

/// A migration that may have been looked at.
pub type LazyMigration = OnceLock<SqlMigration>;

/// A migration that has not been looked at.
#[allow(clippy::declare_interior_mutable_const, reason = "it is what each of many statics begins as")]
pub const LAZY_MIGRATION: LazyMigration = OnceLock::new();

/// Migrations that are made of their literals when they are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Embedded {
    literals: &'static Literals,
    /// The place of the first of them among all that are packed.
    first: usize,
    made: &'static [LazyMigration],
}

impl Embedded {
    /// The first `count` migrations, and the others.
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

    pub(crate) fn get(self, index: usize) -> Option<&'static SqlMigration> {
        let made = self.made.get(index)?;
        Some(made.get_or_init(|| packing::unpack(self.literals, self.first + index)))
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
