//! The page of a database and its history.

mod browser;
mod page;
mod stage;
