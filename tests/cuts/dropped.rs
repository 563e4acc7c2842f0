//! dropped.
