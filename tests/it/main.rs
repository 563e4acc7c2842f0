//! The integration tests, one module per subject. They are one program, because that is linked once, shares
//! one server, and has tests to run while others wait. Tests are a separate program if they own their process
//! (an allocator, a global recorder, the shared server), load the machine, or follow a run by the clock.

mod adopt;
mod assertions;
mod backfill;
mod bad_input;
mod boot;
mod catalog;
mod coming_from;
mod difference;
mod drift;
mod failover;
mod foreign_history;
mod goose_statements;
mod history_head;
mod interrupted;
mod layouts;
mod lint;
mod lock;
mod lock_waits;
mod no_statement;
mod operate;
mod placeholders;
mod pooler;
mod readme;
mod recovery;
mod repeatable;
mod report;
mod reversible;
mod rooms;
mod row_security;
mod rust_code;
mod safe_version;
mod search_paths;
mod seeds;
mod session_isolation;
mod set_settings;
mod shapes;
mod sources;
mod statement;
mod stopped;
mod tls;
mod two_servers;
mod ui;
mod verify_scripts;
mod wire;
