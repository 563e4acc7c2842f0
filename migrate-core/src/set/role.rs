//! The role of a script in its migration.

use std::fmt;

/// What a script is to its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// It takes the schema forward.
    Up,
    /// It takes the schema back.
    Down,
    /// It proves the migration right.
    Verify,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Up => "up",
            Role::Down => "down",
            Role::Verify => "verify",
        })
    }
}
