//! Statements that change the session they run in.

use super::cursor::Cursor;
use super::token::TokenKind;

/// Whether a statement sets a run-time parameter, or the role, for the rest of the session: `SET`, `RESET`, or a
/// `SELECT` of nothing but calls of `set_config`. When a script that runs statement by statement is
/// resumed, these have to be run again for the rest to run as it would have.
///
/// `SET LOCAL`, `SET TRANSACTION` and `SET CONSTRAINTS` end with the transaction and are not meant, nor is
/// `set_config(…, true)`. Other things that a session has are not settings: temporary tables, prepared
/// statements, what `DISCARD` discards.
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
    let mut cursor = Cursor::new(statement);
    if cursor.word("SET") {
        let local = cursor.word("LOCAL") || cursor.word("CONSTRAINTS") || {
            // `SET SESSION TRANSACTION …` is `SET TRANSACTION …`; SET SESSION CHARACTERISTICS is for the session.
            cursor.word("SESSION");
            cursor.word("TRANSACTION")
        };
        return !local;
    }
    if cursor.word("RESET") {
        return true;
    }
    cursor.word("SELECT") && sets_config(&mut cursor)
}

/// Whether a statement sets a run-time parameter, or the role, for the rest of its transaction: `SET LOCAL`.
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
    Cursor::new(statement).words(&["SET", "LOCAL"])
}

/// Whether a statement is a `SET LOCAL` of a limit, of memory or of what is logged: a script does the same without it.
pub(crate) fn is_limiting_local(statement: &str) -> bool {
    let mut cursor = Cursor::new(statement);
    let name = cursor.words(&["SET", "LOCAL"]).then(|| cursor.folded()).flatten();
    name.is_some_and(|name| {
        ["_timeout", "_mem", "_messages"].iter().any(|ending| name.ends_with(ending))
            || ["log_", "max_parallel_"].iter().any(|beginning| name.starts_with(beginning))
            || name == "synchronous_commit"
    })
}

/// Reads the calls of `set_config`. Whether one of them reaches beyond the transaction, and nothing else is there.
fn sets_config(cursor: &mut Cursor<'_>) -> bool {
    let mut session = false;
    loop {
        let qualified = cursor.word("pg_catalog");
        if qualified && !cursor.sign(".") || !cursor.word("set_config") {
            return false;
        }
        let Some(local) = arguments(cursor) else { return false };
        session |= !local;
        if cursor.word("AS") {
            cursor.name();
        }
        if !cursor.sign(",") {
            return session && cursor.at_end();
        }
    }
}

/// Reads the arguments of a call of `set_config`, and tells whether the last one, `is_local`, is the constant true.
/// What can only be computed counts as false.
fn arguments(cursor: &mut Cursor<'_>) -> Option<bool> {
    if !cursor.kind(TokenKind::LeftParenthesis) {
        return None;
    }
    let (mut depth, mut number, mut local) = (0_usize, 0, false);
    let mut first_of_argument = true;
    loop {
        if first_of_argument && depth == 0 {
            number += 1;
            let mut ahead = cursor.clone();
            let is_local = ahead.sees("is_local");
            let named = ahead.name() && (ahead.sign("=>") || ahead.sign(":="));
            let value = if named { &ahead } else { &*cursor };
            if named && is_local || !named && number == 3 {
                local = value.peek().is_some_and(|token| is_true(value.written(token)));
            }
        }
        let token = cursor.take()?;
        first_of_argument = token.kind == TokenKind::Punctuation && cursor.written(token) == ",";
        match token.kind {
            TokenKind::LeftParenthesis => depth += 1,
            TokenKind::RightParenthesis if depth == 0 => return Some(local),
            TokenKind::RightParenthesis => depth -= 1,
            _ => {}
        }
    }
}

/// The spellings of a true boolean (manual, section 8.6).
pub(super) fn is_true(constant: &str) -> bool {
    let word = constant.trim_matches('\'').trim().to_ascii_lowercase();
    matches!(word.as_str(), "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1")
}
