//! Extra queries after a script's statements.

/// Queries to run after statements of scripts, in their transaction. If the query fails, the statement counts
/// as failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inspect {
    /// The query to run after a statement.
    pub(crate) behind: &'static str,
    /// Selects the statements, by their text.
    pub(crate) is_called_for: fn(&str) -> bool,
    /// The query to run at the end of a transaction, after its deferred work.
    pub(crate) at_end: Option<&'static str>,
}
