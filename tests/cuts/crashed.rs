//! crashed.
