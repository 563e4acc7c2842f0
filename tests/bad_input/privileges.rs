//! Roles that may not, and servers that take no writes.
