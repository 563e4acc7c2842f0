//! Catalogs: a database's schema as data, read from the server and compared.
//!
//! [`Catalog::read`] asks PostgreSQL for the definition of each object (`pg_get_functiondef`, `format_type`,
//! …), so two schemas are equal if the server says so, regardless of the scripts that made them:
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
//! Each [`Kind`] documents the contents of its definition. These are not read: system schemas; temporary
//! objects; members of extensions; the histories, leases and other tables of this library; data (the values
//! of sequences, the populated state of a materialized view); large objects; privileges and comment of the database
//! itself; and owners, unless [requested](Scope::with_owners). User mappings, subscriptions, settings of the database,
//! and objects of kinds that are not modelled (transforms, conversions, languages, access methods, text search
//! parsers and templates, operator families without a class) are [listed and not compared](Kind::is_noted); secrets
//! are never read. Objects that follow from
//! others are not read either: the index of a constraint, the constraints and triggers that a partition
//! inherits, the names of `NOT NULL` constraints.

mod depend;
mod histories;
mod query;
mod read;
mod row;
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
