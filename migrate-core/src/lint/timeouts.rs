//! The limit on waiting for locks: scripts that turn it off.

use super::rule::family;
use super::script::{Found, Statement};
use crate::set::options::duration;
use crate::set::script::Script;
use crate::sql::statement::{ParsedStatement, SettingTarget, Span, StatementKind as Kind};
use std::time::Duration;

family! {
    Transactions, default;
    LOCK_TIMEOUT_OFF = "lock-timeout-off", Dangerous, "all",
        happens: "Blocks all access to the table for as long as a statement waits for its lock.",
        why: "The setting removes the run's own limit. Others queue behind a statement that waits.",
        safe: "Keep the run's limit, or set another one in the header: `-- migrate: lock_timeout=5s`.",
        silent: "The limit is at most one minute, or no statement of the script takes a lock that blocks others.";
}

/// The longest harmless limit.
const LONGEST: Duration = Duration::from_secs(60);

/// Finds a limit in the header that is too long.
pub(super) fn in_header(script: &Script) -> Option<Found> {
    let limit = script.options().lock_timeout?;
    if !is_off(limit) {
        return None;
    }
    let text = script.text();
    let start = text.find("lock_timeout=").unwrap_or_default();
    let length = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
    let span = Span { start, end: start + length };
    let shown = text[start..start + length].strip_prefix("lock_timeout=").unwrap_or_default();
    Some(found(span, &format!("is {shown}")))
}

/// Finds a statement that sets a limit that is too long, or none.
pub(super) fn find(statement: &Statement<'_>) -> Option<Found> {
    let value = match &statement.parsed.kind {
        Kind::Set(set) if is_lock_timeout(&set.target) => set.value.text().to_owned(),
        Kind::Reset(reset)
            if is_lock_timeout(&reset.target) || matches!(reset.target, SettingTarget::All) =>
        {
            "DEFAULT".to_owned()
        }
        Kind::Query(_) => configured(statement.parsed)?,
        _ => return None,
    };
    let message = if value.eq_ignore_ascii_case("DEFAULT") {
        "is that of the server, which has none by default".to_owned()
    } else {
        let limit = limit(value.trim_matches('\''))?;
        if !is_off(limit) {
            return None;
        }
        format!("is {value}")
    };
    Some(found(statement.span(), &message))
}

fn found(span: Span, limit: &str) -> Found {
    let message =
        format!("lock_timeout {limit}: a statement that waits for its lock blocks others for too long");
    Found::new(&LOCK_TIMEOUT_OFF, span, "lock_timeout", message)
}

fn is_lock_timeout(target: &SettingTarget<'_>) -> bool {
    matches!(target, SettingTarget::Parameter(name) if name.is_word() && name.is_called("lock_timeout"))
}

fn is_off(limit: Duration) -> bool {
    limit.is_zero() || limit > LONGEST
}

/// A limit as the server reads it: `2 min`, `1.5s`, `250`.
fn limit(value: &str) -> Option<Duration> {
    let value = value.trim();
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = value[..value.len() - unit.len()].parse::<f64>().ok()?;
    let unit = duration(&format!("1{}", unit.trim()))?;
    Duration::try_from_secs_f64(unit.as_secs_f64() * number).ok()
}

/// The value that `set_config('lock_timeout', …)` sets.
fn configured(parsed: &ParsedStatement<'_>) -> Option<String> {
    let words: Vec<&str> = parsed.all.tokens().iter().map(|token| parsed.all.written(*token)).collect();
    let call = words.windows(5).find(|words| {
        words[0].eq_ignore_ascii_case("set_config") && words[2].eq_ignore_ascii_case("'lock_timeout'")
    })?;
    Some(call[4].to_owned())
}
