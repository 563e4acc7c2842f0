//! Other tools' histories in the database: which are there, and what they say.

mod find;
mod read;
mod table;

pub(crate) use find::{find, found};
pub use table::{ToolTable, dbmate, diesel, flyway, golang_migrate, goose, prisma, rails, refinery, sqlx};

/// Which history is adopted.
#[derive(Clone, Debug)]
pub(crate) enum Adopting {
    /// Whichever is there.
    Any,
    /// This one.
    From(ToolTable),
}
