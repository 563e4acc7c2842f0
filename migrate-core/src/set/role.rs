//! The role of a script in its migration.

use std::fmt;

/// The role of a script: in its migration, or beside the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Takes the schema forward.
    Up,
    /// Takes the schema back.
    Down,
    /// Verifies the migration.
    Verify,
    /// Asserts what is true of the database, whichever migration made it so.
    Assertion,
    /// Fills the database with rows.
    Seed,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Up => "up",
            Role::Down => "down",
            Role::Verify => "verify",
            Role::Assertion => "assertion",
            Role::Seed => "seed",
        })
    }
}
