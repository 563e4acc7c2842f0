//! The proc macros behind `migrate_postgres::migrate!` and `#[migrate_postgres::test]`.
//!
//! Nobody names this crate: the `macro_rules!` shell `migrate!` of `migrate-postgres` hands `embed!` its `$crate` and the arguments, so
//! that its output names only paths that work through any re-export.

mod args;
mod emit;
mod expand;
mod test_attribute;

use proc_macro::TokenStream;

/// `embed!($crate, <arguments of migrate!>)`: the set of a migration directory as constants, or everything that is
/// wrong with it as errors.
#[doc(hidden)]
#[proc_macro]
pub fn embed(input: TokenStream) -> TokenStream {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    expand::embed(input.into(), manifest_dir.as_ref()).into()
}

/// An `async fn` as a test with a freshly migrated database of its own.
///
/// Tests need the feature `testing`, which belongs into `[dev-dependencies]`. Outside of tests the attribute expands to nothing, so
/// that `cargo build` does without.
///
/// ```text
/// #[migrate_postgres::test]
/// async fn a_user_has_an_email(client: tokio_postgres::Client) -> Result<(), tokio_postgres::Error> { … }
/// ```
///
/// | option | migrations |
/// |---|---|
/// | none | of the folder `migrations`, as `migrate!()` |
/// | `migrations = "db/migrations"` | of that folder, as `migrate!("db/migrations")` |
/// | `set = crate::MIGRATIONS` | of a `Migrator` that is embedded elsewhere: compiles quicker, since each `migrate!` embeds its folder |
///
/// With `schema` beside it the test gets a schema of its own in a database that it shares with others, instead of a
/// database. `crate = path` says where `migrate_postgres` is if it isn't at `::migrate_postgres`.
///
/// The function takes any number of arguments of types that are `FromTestDatabase`: a connected
/// `tokio_postgres::Client`, a `tokio_postgres::Config`, a `deadpool_postgres::Pool` (feature `deadpool`), a `String` with
/// the URL, or `&Database`, which gives them all. It returns nothing, or a `Result`. It runs on a tokio runtime of its own, on
/// the test's thread.
///
/// When the test passes, connections that are left are closed and the database is dropped. When it fails, by a panic or an
/// `Err`, the database is kept and its URL is written to standard error; it goes when the same test runs again.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    test_attribute::expand(args.into(), item.into()).into()
}
