//! The proc macro behind `migrate_postgres::migrate!`.
