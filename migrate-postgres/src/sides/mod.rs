//! Sides: the two schemas of a difference, each read as a catalog.
//!
//! A [`Side`] is a folder of migrations, a database, plain SQL such as a file `schema.sql`, or an empty
//! database. A side that is not a database is run on a scratch database first, as [drift](crate::drift) does,
//! so only the server reads SQL:
//!
//! ```no_run
//! use migrate_postgres::drift::Comparison;
//! use migrate_postgres::sides::Side;
//! use migrate_postgres::{Migrator, migrate};
//!
//! static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
//!
//! # async fn probe(url: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let (folder, file) = (Side::migrations(MIGRATIONS.set()), Side::file("db/schema.sql")?);
//! let compared = MIGRATIONS.compare_sides(url, &folder, &file, &Comparison::new()).await?;
//! println!("{}", compared.differences);
//! // column public.users.email: added
//! //   +text
//! # Ok(())
//! # }
//! ```
//!
//! # SQL
//!
//! [`Migrator::write_difference`](crate::Migrator::write_difference) writes the statements between two sides as scripts,
//! each with its way back, and tries them on a scratch copy of the first side: see [`Proof`]. A comment beside an
//! object of plain SQL says that it is not new: `-- migrate: renamed_from=mail`.
//!
//! # Objects that are left alone
//!
//! These objects of a database are not read: members of extensions, histories of this library and of other
//! tools, and those that an [ignore pattern](Comparison::ignore) matches. Partitions that pg_partman made,
//! and objects that other sets in the same history made, are listed in [`SideComparison::left_alone`] and not
//! compared.

mod compared;
mod left_alone;
mod opened;
mod plain;
mod proof;
mod renamed;
mod rows;
mod side;
mod written;

pub use compared::SideComparison;
pub use left_alone::{LeftAlone, LeftAloneReason};
pub use proof::Proof;
pub use side::Side;
pub use written::{WrittenDifference, WrittenScript};

#[cfg(doc)]
use crate::schema::drift::Comparison;
