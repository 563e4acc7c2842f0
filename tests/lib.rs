//! What the integration tests share.

pub mod pgbouncer;
pub mod sets;
