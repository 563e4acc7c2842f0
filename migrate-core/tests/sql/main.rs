//! How `migrate_core::sql` reads SQL, as tables of cases and as properties.

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
