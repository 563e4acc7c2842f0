//! Rust source as tokens: enough to identify a migration's code, and to find its functions.
//!
//! `migrate!` and a folder that is read at run time use this one lexer, so that both give a file the same checksum. It follows
//! the [reference](https://doc.rust-lang.org/reference/tokens.html); a test of `migrate-macros` compares it with `proc_macro2`.

mod canonical;
mod lexer;
mod source;

pub use lexer::{RustFault, RustToken, RustTokenKind, rust_tokens};
pub(crate) use source::{FunctionFault, RustSource};
