//! The proc macros behind `migrate_postgres::migrate!` and `#[migrate_postgres::test]`.
//!
//! Users do not name this crate. The `macro_rules!` shell `migrate!` in `migrate-postgres` passes its
//! `$crate` and the arguments to `embed!`, so that the output contains only paths that work through any
//! re-export.

mod args;
mod emit;
mod expand;
mod lint;
mod test_attribute;
#[cfg(test)]
mod tokens;

use proc_macro::TokenStream;

/// `embed!($crate, <arguments of migrate!>)`: emits the set of a migration directory as constants, or every
/// problem as an error.
#[doc(hidden)]
#[proc_macro]
pub fn embed(input: TokenStream) -> TokenStream {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    expand::embed(input.into(), manifest_dir.as_ref()).into()
}

/// Turns an `async fn` into a test with its own freshly migrated database.
///
/// Tests need the feature `testing`, which belongs in `[dev-dependencies]`. Outside of tests the attribute
/// expands to nothing, so that `cargo build` works without the feature.
///
/// ```text
/// #[migrate_postgres::test]
/// async fn a_user_has_an_email(client: tokio_postgres::Client) -> Result<(), tokio_postgres::Error> { … }
/// ```
///
/// | option | migrations |
/// |---|---|
/// | none | from the folder `migrations`, as with `migrate!()` |
/// | `migrations = "db/migrations"` | from that folder, as with `migrate!("db/migrations")` |
/// | `set = crate::MIGRATIONS` | from a `Migrator` embedded elsewhere: compiles faster, because each `migrate!` embeds its folder |
///
/// With `seeds = true`, the database has the rows of the set's seeds; with `seeds = "development"`, also those
/// of that environment. If `schema` is added, the test gets its own schema in a shared database instead of its own database.
/// `crate = path` gives the path of `migrate_postgres` if it differs from `::migrate_postgres`.
///
/// The function takes any number of arguments of types that implement `FromTestDatabase`: a connected
/// `tokio_postgres::Client`, a `tokio_postgres::Config`, a `deadpool_postgres::Pool` (feature `deadpool`), a
/// `String` with the URL, or `&Database`, which provides them all. It returns nothing or a `Result`. It runs
/// on its own tokio runtime, on the test's thread.
///
/// If the test passes, remaining connections are closed and the database is dropped. If it fails, by a panic
/// or an `Err`, the database is kept until the same test runs again, and its URL is written to standard
/// error.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    test_attribute::expand(args.into(), item.into()).into()
}
