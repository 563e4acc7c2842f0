//! Schema migrations for Rust services on PostgreSQL.

#[cfg(feature = "testing")]
mod quote;
#[cfg(feature = "testing")]
pub mod testing;
