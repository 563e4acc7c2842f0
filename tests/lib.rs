//! What the integration tests share.

pub mod heads;
pub mod histories;
pub mod pgbouncer;
pub mod proxy;
pub mod rustc;
pub mod sets;
