//! Secrets within a string constant.

use super::names::stems;
use std::ops::Range;

/// The text between a string's quotes, as written.
pub(super) fn content(written: &str) -> &str {
    let content = written.split_once('\'').map_or(written, |(_, content)| content);
    content.strip_suffix('\'').unwrap_or(content)
}

/// The text between the quotes of a string of any kind; the whole text of anything else.
pub(super) fn any_content(written: &str) -> &str {
    match written.as_bytes().first() {
        Some(b'$') => &written[dollar_body(written)],
        _ => content(written),
    }
}

/// The range of the body in a dollar-quoted string.
pub(super) fn dollar_body(written: &str) -> Range<usize> {
    let delimiter = written[1..].find('$').map_or(written.len(), |at| at + 2);
    let is_closed = written.len() >= 2 * delimiter && written.ends_with(&written[..delimiter]);
    let end = if is_closed { written.len() - delimiter } else { written.len() };
    delimiter..end
}

/// Returns true if a string contains a secret: with its name, in a URL, or in a piece of SQL.
pub(super) fn holds_secret(string: &str) -> bool {
    holds_value(string) || behind_stems(string).any(|(_, rest)| rest.starts_with('\''))
}

/// Returns true if a string contains a secret with its name, or a URL with a password.
pub(super) fn holds_value(string: &str) -> bool {
    behind_stems(string).any(|(_, rest)| rest.starts_with(['=', '"', ':']))
        || string.match_indices("://").any(|(at, _)| {
            let authority = string[at + 3..].split(['/', '?', '#', ' ']).next().unwrap_or_default();
            authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
        })
}

/// Returns true if a string is a piece of SQL that expects a secret in it or after it.
pub(super) fn asks_for_secret(string: &str) -> bool {
    behind_stems(string)
        .any(|(before, rest)| before.contains(' ') && (rest.is_empty() || rest.starts_with('%')))
}

/// For each stem in a string: the text before it, and the text after its word and the white space there.
fn behind_stems(string: &str) -> impl Iterator<Item = (&str, &str)> {
    stems(string).into_iter().map(move |(at, end)| {
        let rest = string[end..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        (&string[..at], rest.trim_start())
    })
}
