//! Databases and schemas for tests, as their users meet them.

mod attribute;
mod current;
mod fresh;
mod outside;
mod process;
mod runners;
mod schema;
mod shared;
