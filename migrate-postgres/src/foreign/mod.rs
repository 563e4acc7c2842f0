//! Other tools' histories in the database: which are there, what they say, and keeping one as the history.

mod find;
mod keep;
mod kept;
mod read;
mod table;

#[cfg(feature = "catalog")]
pub(crate) use find::tables;
pub(crate) use find::{find, found};
pub(crate) use kept::{attempts, look, state};
pub use table::{
    KeptTable, ToolTable, dbmate, diesel, flyway, golang_migrate, goose, prisma, rails, refinery, sqlx,
};

/// Which history is adopted.
#[derive(Clone, Debug)]
pub(crate) enum Adopting {
    /// Whichever is there.
    Any,
    /// This one.
    From(ToolTable),
}
