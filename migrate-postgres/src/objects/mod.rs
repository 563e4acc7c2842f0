//! The objects of a schema as data: their kinds, their definitions, and how two schemas differ. No I/O.

pub(crate) mod dependency;
pub(crate) mod details;
pub(crate) mod difference;
pub(crate) mod kind;
pub(crate) mod name;
pub(crate) mod object;
pub(crate) mod pattern;
