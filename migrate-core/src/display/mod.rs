//! Text for people: untrusted text is escaped before it reaches a terminal, and `Debug` is readable.

pub(crate) mod debug;
pub(crate) mod edits;
pub mod printable;
