//! Schema migrations for Rust services on PostgreSQL.
