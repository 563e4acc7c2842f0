//! Statements that change the settings of their session.

use super::statement::{LexedStatement, ParsedStatement, SettingScope, SettingTarget, StatementKind};

/// Returns true if a statement sets a run-time parameter, or the role, for the rest of the session: `SET`,
/// `RESET`, or a `SELECT` that only calls `set_config`. When a script that runs statement by statement
/// resumes, these have to run again so that the rest has the same effect.
///
/// `SET LOCAL`, `SET TRANSACTION` and `SET CONSTRAINTS` end with the transaction and do not count, nor does
/// `set_config(…, true)`. Other session state does not count as a setting: temporary tables, prepared
/// statements, and whatever else `DISCARD` discards.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::is_session_setting;
///
/// assert!(is_session_setting("SET search_path TO app"));
/// assert!(is_session_setting("SELECT pg_catalog.set_config('search_path', '', false)"));
/// assert!(!is_session_setting("SET LOCAL search_path TO app"));
/// ```
pub fn is_session_setting(statement: &str) -> bool {
    sets_session(&LexedStatement::new(statement).parse())
}

/// Does the same for a parsed statement.
pub(super) fn sets_session(statement: &ParsedStatement<'_>) -> bool {
    match &statement.kind {
        StatementKind::Set(set) => {
            let is_of_transaction =
                matches!(set.target, SettingTarget::Transaction(_) | SettingTarget::Constraints);
            set.scope == SettingScope::Session && !is_of_transaction
        }
        StatementKind::Reset(_) => true,
        StatementKind::Query(query) => query.set_config.iter().any(|call| !call.is_local),
        _ => false,
    }
}

/// Returns true if a statement sets a run-time parameter, or the role, for the rest of its transaction:
/// `SET LOCAL`.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::is_local_setting;
///
/// assert!(is_local_setting("set local lock_timeout = '5s'"));
/// assert!(!is_local_setting("SET lock_timeout = '5s'"));
/// ```
pub fn is_local_setting(statement: &str) -> bool {
    sets_locally(&LexedStatement::new(statement).parse())
}

/// Does the same for a parsed statement.
pub(super) fn sets_locally(statement: &ParsedStatement<'_>) -> bool {
    matches!(&statement.kind, StatementKind::Set(set) if set.scope == SettingScope::Local)
}

/// Returns true if a statement sets a limit, memory or logging, so that the script has the same effect
/// without it.
pub(super) fn sets_limit(statement: &ParsedStatement<'_>) -> bool {
    let StatementKind::Set(set) = &statement.kind else { return false };
    let SettingTarget::Parameter(name) = &set.target else { return false };
    let name = name.folded();
    ["_timeout", "_mem", "_messages"].iter().any(|ending| name.ends_with(ending))
        || ["log_", "max_parallel_"].iter().any(|beginning| name.starts_with(beginning))
        || name == "synchronous_commit"
}

/// The spellings of a true boolean (manual, section 8.6).
pub(super) fn is_true(constant: &str) -> bool {
    let word = constant.trim_matches('\'').trim().to_ascii_lowercase();
    matches!(word.as_str(), "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1")
}
