//! Tests of `migrate_core::sql`: tables of cases, and properties.

mod cluster;
mod comparing;
mod faults;
mod lexing;
mod positions;
mod properties;
mod redacting;
mod refusals;
mod settings;
mod splitting;
mod subjects;
