//! `migrate!`: a migration directory as constants.

/// The migrations of a directory, embedded at build time.
///
/// | call | directory, relative to the crate's `Cargo.toml` | set |
/// |---|---|---|
/// | `migrate!()` | `migrations` | `default` |
/// | `migrate!("db/migrations")` | `db/migrations` | `default` |
/// | `migrate!("db/migrations", set = "billing")` | `db/migrations` | `billing` |
/// | `migrate!("db/migrations", placeholders = ["schema"])` | `db/migrations` | `default` |
///
/// The directory is read and checked when the crate is built: everything that is wrong with it is an error of that
/// build, with file, line and column. What comes out is a constant expression: order, statement boundaries, checksums and
/// transaction modes are known, and a boot parses no SQL. [`migrate_core::directory`] tells what a
/// directory may look like, and [`migrate_core::set::options`] what may stand at the top of a script.
///
/// With `placeholders`, the scripts may hold `${schema}`, which [`Migrator::placeholder`](crate::Migrator::placeholder) gives a value;
/// [`migrate_core::set::placeholder`] tells where. Without, `${schema}` is text like any other.
///
/// An edit of a file always builds the crate anew. A file that is *added* does so with a line in `build.rs`:
/// [`build::watch`](crate::build::watch).
#[macro_export]
macro_rules! migrate {
    ($($argument:tt)*) => {
        $crate::__private::embed!($crate, $($argument)*)
    };
}

/// What the output of `migrate!` names. No part of the public interface.
#[doc(hidden)]
pub mod __private {
    use crate::Migrator;
    pub use migrate_core::set::embedded::{Literals, Made, UNMADE};
    pub use migrate_core::{Set, VersionOrder};
    pub use migrate_macros::embed;

    /// The value of a `migrate!`.
    pub const fn finish(set: Set, program: &'static str) -> Migrator {
        Migrator::embedded(set, program)
    }
}
