//! The settings that belong to a set, as arguments of `migrate!`.

use migrate_core::plan::Policies;
use std::time::Duration;

/// The settings among the arguments of a `migrate!`.
#[derive(Clone, Copy, Debug)]
pub struct SetSettings {
    /// The schema of the history; if none, the first schema of the search path.
    pub history_schema: Option<&'static str>,
    /// The name of the history table.
    pub history_table: &'static str,
    /// The program's name in the history.
    pub program: &'static str,
    /// Limit on a statement's wait for a table lock.
    pub lock_timeout: Option<Duration>,
    /// Limit on a statement's run time.
    pub statement_timeout: Option<Duration>,
    /// See [`Policies::allow_out_of_order`].
    pub allow_out_of_order: bool,
    /// See [`Policies::allow_ahead`].
    pub allow_ahead: bool,
    /// See [`Policies::allow_missing`].
    pub allow_missing: bool,
    /// Treat another tool's table as another set's.
    pub ignore_foreign_history: bool,
    /// The findings that the project's configuration accepts: the migration, the rule, the reason.
    pub approvals: &'static [(&'static str, &'static str, &'static str)],
}

impl SetSettings {
    /// The settings of a `migrate!` without arguments.
    pub const DEFAULT: SetSettings = SetSettings {
        history_schema: None,
        history_table: "migrate_history",
        program: "",
        // Long enough for a statement to get through ordinary traffic, and short enough for the sessions that
        // queue behind it.
        lock_timeout: Some(Duration::from_secs(2)),
        statement_timeout: None,
        allow_out_of_order: Policies::DEFAULT.allow_out_of_order,
        allow_ahead: Policies::DEFAULT.allow_ahead,
        allow_missing: Policies::DEFAULT.allow_missing,
        ignore_foreign_history: false,
        approvals: &[],
    };
}
