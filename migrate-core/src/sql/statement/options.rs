//! Lists of options: `(VERBOSE, CONCURRENTLY off)`, `WITH (fillfactor = 70)`.

use super::fragment::{Fragment, Span};
use super::reader::Reader;
use crate::sql::token::{Token, TokenKind};

/// An option of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOption<'t> {
    /// In lower case unless it is quoted, as the server has it. One with a qualifier is `toast.autovacuum_enabled`.
    pub name: String,
    /// The value, if one is given.
    pub value: Option<Fragment<'t>>,
    /// All of it.
    pub span: Span,
}

impl ListedOption<'_> {
    /// The first token of the value as the server reads it: in lower case, without quotes.
    pub fn value_text(&self) -> Option<String> {
        let value = self.value?;
        value.tokens().first().map(|token| folded(value.written(*token), *token))
    }

    /// Whether the server's `defGetBoolean` takes the value for true; no value means true.
    pub fn is_on(&self) -> bool {
        let off = ["false", "off", "0"];
        !self.value_text().is_some_and(|value| off.iter().any(|word| value.eq_ignore_ascii_case(word)))
    }
}

/// The last option of a name: it counts.
pub(in crate::sql) fn last<'o, 't>(
    options: &'o [ListedOption<'t>],
    name: &str,
) -> Option<&'o ListedOption<'t>> {
    options.iter().rfind(|option| option.name == name)
}

/// Takes a list of options in parentheses, if one is next.
pub(super) fn options<'t>(reader: &mut Reader<'t>) -> Option<Vec<ListedOption<'t>>> {
    if !reader.sees_sign("(") {
        return None;
    }
    let inside = reader.group()?;
    Some(inside.items().into_iter().filter_map(option).collect())
}

/// `WITH (…)`, if it is next.
pub(super) fn with_options<'t>(reader: &mut Reader<'t>) -> Vec<ListedOption<'t>> {
    let mut ahead = *reader;
    if !ahead.word("WITH") {
        return Vec::new();
    }
    let Some(options) = options(&mut ahead) else { return Vec::new() };
    *reader = ahead;
    options
}

fn option(item: Fragment<'_>) -> Option<ListedOption<'_>> {
    let mut reader = item.reader();
    let first = reader.take()?;
    let mut name = folded(item.written(first), first);
    while reader.sign(".") {
        let part = reader.take()?;
        name = format!("{name}.{}", folded(item.written(part), part));
    }
    reader.sign("=");
    let value = reader.rest();
    Some(ListedOption { name, value: (!value.is_empty()).then_some(value), span: item.span() })
}

/// The string that the server makes of a token in an option list.
pub(in crate::sql) fn folded(written: &str, token: Token) -> String {
    match token.kind {
        TokenKind::QuotedIdentifier => written[1..written.len() - 1].replace("\"\"", "\""),
        TokenKind::String => written[1..written.len() - 1].replace("''", "'"),
        TokenKind::EscapeString | TokenKind::NationalString => {
            written[2..written.len() - 1].replace("''", "'")
        }
        _ => written.to_ascii_lowercase(),
    }
}
