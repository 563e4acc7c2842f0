//! Text for people: untrusted text is escaped before it reaches a terminal, and `Debug` is readable.

pub(crate) mod debug;
pub mod printable;
