//! Migrations in Rust: the context of their code, and the errors of its statements.
//!
//! A file `0042_slugs.rs` in the migration directory, between the scripts and in their order:
//!
//! ```
//! // migrate: statement_timeout=5min
//! use migrate_postgres::code::{Context, Result, Type};
//!
//! pub async fn up(context: &mut Context<'_>) -> Result {
//!     for row in context.query("SELECT id, name FROM users", &[]).await? {
//!         let (id, name): (i64, &str) = (row.get(0), row.get(1));
//!         let slug = name.to_lowercase().replace(' ', "-");
//!         let sql = "UPDATE users SET slug = $1 WHERE id = $2";
//!         context.execute(sql, &[(&slug, Type::TEXT), (&id, Type::INT8)]).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The guide's chapter [migrations in Rust](crate::guide::rust_migrations) says what holds for it.

mod context;
mod error;
mod functions;
mod record;
mod registration;

pub use context::Context;
pub(crate) use context::{CodeSession, Surroundings};
pub use error::{MissingValue, StatementError};
pub use functions::{CodeFunction, CodeFuture, Functions, boxed};
pub use migrate_core::RegistrationError;
pub(crate) use record::{CodeRecord, LastStatement};
pub use registration::Registration;
pub use tokio_postgres::Row;
pub use tokio_postgres::types::{ToSql, Type};

/// Any error of a migration's code.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of a migration's function. Any other result does, too, whose error converts into a [`BoxError`].
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;
