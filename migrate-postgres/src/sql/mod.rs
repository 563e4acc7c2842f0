//! Text of SQL: identifiers quoted, values written, answers read.

pub(crate) mod answers;
pub(crate) mod quote;
pub(crate) mod transaction;
pub(crate) mod types;
pub(crate) mod value;
