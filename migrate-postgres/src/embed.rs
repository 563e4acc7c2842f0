//! The macro `migrate!`: a migration directory as constants.

/// The migrations of a directory, embedded at build time.
///
/// | call | directory, relative to the crate's `Cargo.toml` | set |
/// |---|---|---|
/// | `migrate!()` | `migrations` | `default` |
/// | `migrate!("db/migrations")` | `db/migrations` | `default` |
/// | `migrate!("db/migrations", set = "billing")` | `db/migrations` | `billing` |
/// | `migrate!("db/migrations", placeholders = ["schema"])` | `db/migrations` | `default` |
/// | `migrate!("db/migrations", history_schema = "ops")` | `db/migrations` | `default` |
/// | `migrate!("db/migrations", deny = "dangerous")` | `db/migrations` | `default` |
///
/// The directory is read and checked when the crate is compiled: each problem is a compile error with file,
/// line and column. The macro expands to a constant expression: order, statement boundaries, checksums and
/// transaction modes are known, and a boot parses no SQL. [`migrate_core::directory`] describes the layouts
/// of a directory, and [`migrate_core::set::options`] the options at the top of a script.
///
/// With `placeholders`, the scripts may contain `${schema}`, which
/// [`Migrator::placeholder`](crate::Migrator::placeholder) gives a value; [`migrate_core::set::placeholder`]
/// describes where. Without it, `${schema}` is ordinary text.
///
/// With `deny`, findings of at least that risk (`careful`, `dangerous`, `very-risky`) are compile errors, with
/// the line, the reason and the safe way: see [`lint`](crate::lint). `since = "0042"` judges only the migrations
/// after that one, as those of one deployment; `facts = "facts.json"` judges with what `migrate facts` has
/// written about the database (feature `lint`). With the feature, a `migrate.toml` beside `Cargo.toml` gives the
/// same as defaults.
///
/// Settings that belong to the set are arguments, so that the boot, the embedded commands and the tests share
/// one value. Each has the name and the default of the [`Migrator`](crate::Migrator)'s setting, which
/// replaces it:
///
/// | argument | value |
/// |---|---|
/// | `history_schema`, `history_table` | a name |
/// | `program` | the program's name in the history |
/// | `lock_timeout`, `statement_timeout` | a time as a script writes it, `"500ms"`, `"2s"`, `"5min"`, or `"off"` |
/// | `allow_out_of_order`, `allow_ahead`, `allow_missing`, `ignore_foreign_history` | `true` or `false` |
///
/// ```
/// use migrate_postgres::{Migrator, migrate};
///
/// static MIGRATIONS: Migrator =
///     migrate!("tests/fixtures/quickstart", history_schema = "ops", lock_timeout = "500ms", allow_missing = true);
/// ```
///
/// An edit to a file always recompiles the crate. For an *added* file, that takes a line in `build.rs`:
/// [`build::watch`](crate::build::watch).
#[macro_export]
macro_rules! migrate {
    ($($argument:tt)*) => {
        $crate::__private::embed!($crate, $($argument)*)
    };
}

/// The items that the output of `migrate!` names. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    use crate::Migrator;
    pub use crate::code::{CodeFuture, Context, Functions, boxed};
    pub use crate::settings::SetSettings;
    pub use migrate_core::CodeFunctions;
    pub use migrate_core::set::companion::CompanionFile;
    pub use migrate_core::set::embedded::{LAZY_MIGRATION, LazyMigration, Literals};
    pub use migrate_core::{Set, VersionOrder};
    pub use migrate_macros::embed;

    /// The value of a `migrate!`.
    pub const fn finish(set: Set, settings: SetSettings) -> Migrator {
        Migrator::embedded(set, settings)
    }
}
