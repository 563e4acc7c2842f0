//! Migrations, plans and histories: the engine of `migrate-postgres`, without I/O.

pub mod sql;
