//! The functions of a migration, as the program was compiled with them.

use super::{BoxError, Context};
use std::fmt;
use std::pin::Pin;

/// The future of a function.
pub type CodeFuture<'c> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'c>>;

/// A function of a migration.
pub type CodeFunction = for<'c, 'r> fn(&'c mut Context<'r>) -> CodeFuture<'c>;

/// The functions of a migration.
#[derive(Clone, Copy)]
pub struct Functions {
    /// Takes the database forward.
    pub up: CodeFunction,
    /// Takes it back.
    pub down: Option<CodeFunction>,
    /// Verifies the result of `up`, before it is committed.
    pub verify: Option<CodeFunction>,
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Functions")
    }
}

/// Makes the future of a function one of any function.
pub fn boxed<'c, E: Into<BoxError>>(
    future: impl Future<Output = Result<(), E>> + Send + 'c,
) -> CodeFuture<'c> {
    Box::pin(async move { future.await.map_err(Into::into) })
}
