//! Other tools' histories in the database: which are there, what they say, and keeping one as the history.

mod beside;
mod find;
#[cfg(feature = "histories")]
mod keep;
#[cfg(feature = "histories")]
mod kept;
mod needed;
mod read;
#[cfg(feature = "histories")]
mod table;

pub(crate) use beside::{BesideTables, read_beside};
#[cfg(feature = "catalog")]
pub(crate) use find::tables;
#[cfg(feature = "histories")]
pub(crate) use find::{find, found};
#[cfg(feature = "histories")]
pub(crate) use kept::{attempts, probe, state};
pub(crate) use needed::needed_tables;
#[cfg(feature = "histories")]
pub use table::{
    ForeignTable, ToolTable, dbmate, diesel, flyway, golang_migrate, goose, prisma, rails, refinery, sqlx,
    tern,
};

/// Which history is adopted.
#[cfg(feature = "histories")]
#[derive(Clone, Debug)]
pub(crate) enum Adopting {
    /// Whichever is there.
    Any,
    /// This one.
    From(ToolTable),
}
