//! killed.
