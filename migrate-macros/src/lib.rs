//! The proc macro behind `migrate_postgres::migrate!`.
//!
//! Nobody names it directly: the `macro_rules!` shell `migrate!` of `migrate-postgres` hands it `$crate` and the arguments, so that its
//! output names only paths that work through any re-export.

mod args;
mod emit;
mod expand;

use proc_macro::TokenStream;

/// `embed!($crate, <arguments of migrate!>)`: the set of a migration directory as constants, or everything that is
/// wrong with it as errors.
#[doc(hidden)]
#[proc_macro]
pub fn embed(input: TokenStream) -> TokenStream {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    expand::embed(input.into(), manifest_dir.as_ref()).into()
}
