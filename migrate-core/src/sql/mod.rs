//! Reading SQL as PostgreSQL reads it.
