//! What a database's schema is, as data: read from its catalog, compared, and told apart by one value.
//!
//! [`Catalog::read`] asks PostgreSQL itself for the definition of each object (`pg_get_functiondef`, `format_type`, …), so
//! that two schemas are equal when the server says so, whatever scripts made them:
//!
//! ```no_run
//! use migrate_postgres::catalog::{Catalog, Pattern, Scope};
//!
//! # async fn compare(client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let before = Catalog::read(&client, &Scope::database()).await?;
//! client.batch_execute("ALTER TABLE users ADD COLUMN email text; CREATE TABLE tmp_users (id bigint)").await?;
//! let after = Catalog::read(&client, &Scope::database()).await?.ignoring(&["public.tmp_*".parse()?]);
//!
//! println!("{}", before.differences(&after));
//! // column public.users.email: added
//! //   +text
//! # Ok(())
//! # }
//! ```
//!
//! # What is read
//!
//! Each [`Kind`] tells what its definition holds. Left out are: system schemas, temporary objects, what extensions made, the
//! histories, leases and other tables of this library, data (the values of sequences, whether a materialized view is populated), user
//! mappings and subscriptions (which hold passwords), transforms, conversions, languages, access methods, parsers and templates
//! of text search, operator families without a class, security labels, large objects, what belongs to the database itself
//! (its settings, privileges and comment), and owners, unless [asked for](Scope::with_owners). Also what follows from something else that is read: the index of a
//! constraint, the constraints and triggers that a partition has from its parent, the names of `NOT NULL` constraints.

mod histories;
mod query;
mod read;
#[cfg(test)]
mod tests;

pub use crate::objects::difference::{Change, Difference, Differences};
pub use crate::objects::kind::Kind;
pub use crate::objects::object::{Catalog, Object};
pub use crate::objects::pattern::{InvalidPattern, Pattern};
pub use read::Scope;
pub(crate) use read::read;
#[cfg(feature = "testing")]
pub(crate) use read::{prepare, read_with};
