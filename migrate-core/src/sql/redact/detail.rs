//! Values of rows in the server's DETAIL and CONTEXT.

use super::names::speaks_of_secret;
use std::borrow::Cow;

/// Codes whose DETAIL quotes a whole row: not null, check, exclusion and a view's check option.
const ROW_CODES: [&str; 4] = ["23502", "23514", "44000", "23P01"];

/// Takes secrets out of a DETAIL or CONTEXT of the server's, whose SQLSTATE is given: the values of a key of which a column
/// speaks of a secret, the value of such a column in a line of `COPY`, and of a failing row all but the first value, where
/// that is a number, a UUID or null. Nothing says which columns the others are of.
///
/// Whatever language the server speaks: only the signs between names and values are looked at.
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

/// `Key (name, token)=(ada, hunter2) …`, perhaps with another key behind it. A value may hold any sign: from the first key
/// that speaks of a secret on, nothing of the values is shown.
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

/// Whether a value is the kind that keys are made of, a number or a UUID, or none.
fn is_key(value: &str) -> bool {
    let is_uuid = value.len() == 36 && value.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_uuid
        || value == "null"
        || !value.is_empty() && value.len() <= 20 && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// `COPY users, line 3, column password: "hunter2"`, in a line of its own.
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
