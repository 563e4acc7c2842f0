//! Databases and schemas for tests, from the user's point of view.

mod attribute;
mod current;
mod fresh;
mod outside;
mod process;
mod runners;
mod schema;
mod shared;
