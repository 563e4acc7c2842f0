//! Text for people: nothing that others wrote reaches a terminal raw, and `Debug` is readable.

pub(crate) mod debug;
pub mod printable;
