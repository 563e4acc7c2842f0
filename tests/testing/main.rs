//! Databases and schemas for tests, as their users meet them.

mod fresh;
mod process;
mod shared;
