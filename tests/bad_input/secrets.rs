//! No password is ever shown.
