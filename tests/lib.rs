//! What the integration tests share.

pub mod pgbouncer;
pub mod proxy;
pub mod sets;
