//! Queries behind a script's statements.

/// What is asked behind statements of scripts, in their transaction. Where that is an error, it is an error of the statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inspect {
    /// What is asked behind a statement.
    pub(crate) behind: &'static str,
    /// Behind which statements, by their text.
    pub(crate) is_called_for: fn(&str) -> bool,
    /// What is asked at the end of a transaction, when all that was deferred to it has happened.
    pub(crate) at_end: Option<&'static str>,
}
