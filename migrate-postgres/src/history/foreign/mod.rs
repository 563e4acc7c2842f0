//! Other tools' histories in the database: finding them, reading them, and keeping one as the history.

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

/// The history to adopt.
#[cfg(feature = "histories")]
#[derive(Clone, Debug)]
pub(crate) enum Adopting {
    /// Any that exists.
    Any,
    /// This one.
    From(ToolTable),
}
