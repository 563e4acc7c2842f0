//! The settings that belong to a set, as arguments of `migrate!`.

use migrate_core::plan::Policies;
use std::time::Duration;

/// The settings among the arguments of a `migrate!`.
#[derive(Clone, Copy, Debug)]
pub struct SetSettings {
    /// The schema of the history; the first of the search path if there is none.
    pub history_schema: Option<&'static str>,
    /// The name of the history's table.
    pub history_table: &'static str,
    /// The name of the program, for the history.
    pub program: &'static str,
    /// How long a statement waits for a lock on a table.
    pub lock_timeout: Option<Duration>,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// See [`Policies::allow_out_of_order`].
    pub allow_out_of_order: bool,
    /// See [`Policies::allow_ahead`].
    pub allow_ahead: bool,
    /// See [`Policies::allow_missing`].
    pub allow_missing: bool,
    /// Another tool's table is another set's.
    pub ignore_foreign_history: bool,
}

impl SetSettings {
    /// What holds for a `migrate!` without arguments.
    pub const DEFAULT: SetSettings = SetSettings {
        history_schema: None,
        history_table: "migrate_history",
        program: "",
        // Long enough for a statement to get through ordinary traffic, and short enough for the queue behind it.
        lock_timeout: Some(Duration::from_secs(2)),
        statement_timeout: None,
        allow_out_of_order: Policies::DEFAULT.allow_out_of_order,
        allow_ahead: Policies::DEFAULT.allow_ahead,
        allow_missing: Policies::DEFAULT.allow_missing,
        ignore_foreign_history: false,
    };
}
