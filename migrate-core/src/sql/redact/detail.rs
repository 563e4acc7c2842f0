//! Redaction of row values in the server's DETAIL and CONTEXT.

use super::names::speaks_of_secret;
use std::borrow::Cow;

/// The codes whose DETAIL quotes a whole row: not null, check, exclusion and a view's check option.
const ROW_CODES: [&str; 4] = ["23502", "23514", "44000", "23P01"];

/// Redacts secrets in the server's DETAIL or CONTEXT for this SQLSTATE: the values of a key with a column
/// named like a secret; the value of such a column in a line of `COPY`; and in a failing row all values
/// except the first one, if that is a number, a UUID or null. The columns of the other values are not known.
///
/// It works in every language of the server, because it reads only the punctuation around names and values.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::redact_detail;
///
/// assert_eq!(redact_detail("23505", "Key (token)=(hunter2) already exists."), "Key (token)=(…) already exists.");
/// assert_eq!(redact_detail("23505", "Key (id)=(7) already exists."), "Key (id)=(7) already exists.");
/// assert_eq!(redact_detail("23514", "Failing row contains (7, ada, hunter2)."), "Failing row contains (7, …).");
/// ```
pub fn redact_detail<'a>(code: &str, detail: &'a str) -> Cow<'a, str> {
    if detail.contains(")=(") {
        return keys(detail);
    }
    if ROW_CODES.contains(&code) {
        return row(detail);
    }
    copied_columns(detail)
}

/// `Key (name, token)=(ada, hunter2) …`, possibly followed by another key. A value may contain any character:
/// from the first key named like a secret on, no value is shown.
fn keys(detail: &str) -> Cow<'_, str> {
    let is_secret = |at: usize| {
        let columns = detail[..at].rfind('(').map_or("", |open| &detail[open + 1..at]);
        columns.split(',').any(speaks_of_secret)
    };
    let Some(at) = detail.match_indices(")=(").map(|(at, _)| at).find(|at| is_secret(*at)) else {
        return Cow::Borrowed(detail);
    };
    let values = at + ")=(".len();
    let end = detail.rfind(')').filter(|end| *end >= values).unwrap_or(detail.len());
    Cow::Owned(format!("{}…{}", &detail[..values], &detail[end..]))
}

/// `Failing row contains (7, ada, hunter2).`
fn row(detail: &str) -> Cow<'_, str> {
    let (Some(open), Some(close)) = (detail.find('('), detail.rfind(')')) else {
        return Cow::Borrowed(detail);
    };
    let Some(values) = detail.get(open + 1..close) else { return Cow::Borrowed(detail) };
    let first = values.split(", ").next().unwrap_or_default();
    let shown = match () {
        () if !is_key(first) => "…".to_owned(),
        () if first == values => first.to_owned(),
        () => format!("{first}, …"),
    };
    Cow::Owned(format!("{}{shown}{}", &detail[..=open], &detail[close..]))
}

/// Returns true if a value is typical of a key (a number or a UUID) or null.
fn is_key(value: &str) -> bool {
    let is_uuid = value.len() == 36 && value.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_uuid
        || value == "null"
        || !value.is_empty() && value.len() <= 20 && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// `COPY users, line 3, column password: "hunter2"`, on a separate line.
fn copied_columns(detail: &str) -> Cow<'_, str> {
    let hides = |line: &str| {
        line.split_once(": \"")
            .is_some_and(|(before, _)| before.rsplit(' ').next().is_some_and(speaks_of_secret))
    };
    if !detail.lines().any(hides) {
        return Cow::Borrowed(detail);
    }
    let shown = |line: &str| match line.split_once(": \"") {
        Some((before, _)) if hides(line) => format!("{before}: \"…\""),
        _ => line.to_owned(),
    };
    Cow::Owned(detail.lines().map(shown).collect::<Vec<_>>().join("\n"))
}
