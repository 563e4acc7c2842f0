//! The program `migrate`, run as its users run it.
