//! The integration tests, a module for each subject: one program, since it is linked once, shares one server, and has tests to run
//! while others wait. A program of its own is what owns its process (an allocator, a global recorder, the shared server), loads the
//! machine, or follows a run by the clock.

mod adopt;
mod bad_input;
mod boot;
mod catalog;
mod coming_from;
mod drift;
mod failover;
mod foreign_history;
mod goose_statements;
mod history_head;
mod interrupted;
mod layouts;
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
mod search_paths;
mod session_isolation;
mod shapes;
mod sources;
mod statement;
mod tls;
mod two_servers;
mod ui;
mod verify_scripts;
mod wire;
